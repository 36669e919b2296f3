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

// relations are the names in fields of a control file, of alternatives all (Debian Policy, 7.1).
func relations(fields ...string) (names []string) {
	for _, field := range fields {
		for field != "" {
			var one string
			if i := strings.IndexAny(field, ",|"); i >= 0 {
				one, field = field[:i], field[i+1:]
			} else {
				one, field = field, ""
			}
			one = strings.TrimSpace(one)
			if i := strings.IndexAny(one, " (:["); i >= 0 {
				one = one[:i]
			}
			if one != "" {
				names = append(names, one)
			}
		}
	}
	return names
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
	by := map[string][]*Package{}
	var todo []*Package
	kept := map[*Package]bool{}
	for _, p := range s.List {
		if !p.Type.System() {
			continue
		}
		for _, name := range append([]string{p.Name}, p.provides...) {
			by[name] = append(by[name], p)
		}
		if !p.Auto && !slices.Contains(gone, p) {
			kept[p] = true
			todo = append(todo, p)
		}
	}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, name := range p.depends {
			for _, q := range by[name] {
				if !kept[q] && !slices.Contains(gone, q) {
					kept[q] = true
					todo = append(todo, q)
				}
			}
		}
	}
	for _, p := range s.List {
		if p.Type.System() && p.Auto && !kept[p] && !slices.Contains(gone, p) {
			orphans = append(orphans, p)
		}
	}
	return orphans
}
