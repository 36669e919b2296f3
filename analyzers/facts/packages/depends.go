package packages

import (
	"slices"
	"strings"
)

// auto are the packages that apt installed for others alone, as NAME:ARCH (apt-mark(8); apt's
// "extended_states").
func (r *reader) auto() map[string]bool {
	out := map[string]bool{}
	f := r.image.Regular("var/lib/apt/extended_states")
	if f == nil || f.Contents == nil {
		return out
	}
	for _, e := range r.paragraphs(string(f.Contents), "Package", "Architecture", "Auto-Installed") {
		if e["Auto-Installed"] == "1" {
			out[e["Package"]+":"+e["Architecture"]] = true
		}
	}
	return out
}

// world are the names that apk was asked for (apk-world(5)); nil where they cannot be read.
func (r *reader) world() map[string]bool {
	f := r.image.Regular("etc/apk/world")
	if f == nil || f.Contents == nil {
		return nil
	}
	out := map[string]bool{}
	for _, name := range constraints(string(f.Contents)) {
		out[name] = true
	}
	return out
}

// relations are the names in fields of a control file, each with its alternatives (Debian Policy, 7.1).
func relations(fields ...string) (list [][]string) {
	for _, field := range fields {
		for group := range strings.SplitSeq(field, ",") {
			var names []string
			for one := range strings.SplitSeq(group, "|") {
				one = strings.TrimSpace(one)
				if i := strings.IndexAny(one, " (:["); i >= 0 {
					one = one[:i]
				}
				if one != "" {
					names = append(names, one)
				}
			}
			if len(names) > 0 {
				list = append(list, names)
			}
		}
	}
	return list
}

// constraints are the names in a list of apk's, versions cut off; what conflicts is left out.
func constraints(list string) (names []string) {
	for word := range strings.FieldsSeq(list) {
		if i := strings.IndexAny(word, "<>=~@"); i >= 0 {
			word = word[:i]
		}
		if word != "" && word[0] != '!' {
			names = append(names, word)
		}
	}
	return names
}

// Orphans are the packages of the distribution that were installed for others alone, and that
// none of those left needs or recommends once gone are not there: what apt-get autoremove and apk
// del take along.
func (s *Set) Orphans(gone []*Package) (orphans []*Package) {
	if len(gone) == 0 {
		return nil
	}
	var wanted []*Package
	for _, p := range s.List {
		if p.Type.System() && !p.Auto {
			wanted = append(wanted, p)
		}
	}
	kept := s.closure(wanted, gone, nil)
	for _, p := range s.List {
		if p.Type.System() && p.Auto && !kept[p] && !slices.Contains(gone, p) {
			orphans = append(orphans, p)
		}
	}
	return orphans
}

// Needs reports whether p names q among what it needs or recommends.
func (p *Package) Needs(q *Package) bool {
	return slices.ContainsFunc(p.depends, func(names []string) bool { return slices.Contains(names, q.Name) })
}

// Closure is the packages of the distribution that are installed with some where others are there
// already: those themselves, and what they need or recommend, and so on. Of alternatives it is the first,
// unless one is there.
func (s *Set) Closure(wanted []*Package, there map[*Package]bool) map[*Package]bool {
	if there == nil {
		there = map[*Package]bool{}
	}
	return s.closure(wanted, nil, there)
}

// closure is Closure without the packages that are gone. Where there is nil, all alternatives count.
func (s *Set) closure(wanted, gone []*Package, there map[*Package]bool) map[*Package]bool {
	by := map[string][]*Package{}
	for _, p := range s.List {
		if p.Type.System() {
			by[p.Name] = append(by[p.Name], p)
			for _, name := range p.provides {
				by[name] = append(by[name], p)
			}
		}
	}
	in := map[*Package]bool{}
	out := map[*Package]bool{}
	for _, p := range gone {
		out[p] = true
	}
	var todo []*Package
	add := func(p *Package) {
		if !in[p] && !out[p] {
			in[p] = true
			todo = append(todo, p)
		}
	}
	for _, p := range wanted {
		add(p)
	}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, names := range p.depends {
			if there == nil {
				for _, name := range names {
					for _, q := range by[name] {
						add(q)
					}
				}
				continue
			}
			var first *Package
			met := false
			for _, name := range names {
				for _, q := range by[name] {
					met = met || there[q] || in[q]
					if first == nil {
						first = q
					}
				}
			}
			if first != nil && !met {
				add(first)
			}
		}
	}
	return in
}
