package driver

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/ignore"
)

// An Ignored is a finding that does not count, and what says so.
type Ignored struct {
	analysis.Finding
	By *ignore.Ignore
}

// maxIgnoreFile is how large a file may be of which comments are read: as large as
// a file of requirements may be.
const maxIgnoreFile = 4 << 20

// ignores takes out the findings that comments and the configuration ignore, and reports
// of the comments themselves by the rules of the check "ignore", where it is one of the
// analyzers. Whether an entry of the configuration is used is not known before all
// targets are judged.
func (c *checker) ignores(t Target) {
	comments := c.comments(t)
	all := append(slices.Clone(t.Config.Ignores), comments...)
	if len(all) == 0 {
		return
	}
	checks := map[string]string{} // of a rule
	rules := map[string]*analysis.Rule{}
	for _, a := range c.opt.Analyzers {
		for _, r := range a.Rules {
			checks[r.ID], rules[r.ID] = a.Name, r
		}
	}
	used := map[use]bool{}
	c.take(all, checks, used)
	keys := map[string]int{}
	report := func(id string, x *ignore.Ignore, format string, args ...any) {
		if r := rules[id]; r != nil && c.enabled(r) {
			at := analysis.Location{Path: x.Path, Line: x.Line, End: x.Line}
			key := x.Path + ": " + strings.Join(x.Names, ", ")
			if keys[id+key]++; keys[id+key] > 1 {
				key += fmt.Sprintf(" #%d", keys[id+key])
			}
			f := analysis.Finding{Rule: r, Location: at, Key: key, Message: fmt.Sprintf(format, args...)}
			c.res.Findings = append(c.res.Findings, f)
		}
	}
	for _, x := range all {
		names := strings.Join(x.Names, ", ")
		switch {
		case x.Foreign:
		case x.Broken != "":
			report("ignore-reason", x, "the comment ignores nothing, as %s", x.Broken)
		case x.Over(c.opt.Now):
			report("ignore-expired", x, "%s was ignored until %s (%s): mend it, or say until when and why again", names,
				x.Until.Format(time.DateOnly), x.Reason)
		case x.Configured:
		default:
			var unused []string
			for _, name := range x.Names {
				if !used[use{x, name}] && c.built(x) && c.decided(name, rules, checks) {
					unused = append(unused, name)
				}
			}
			if len(unused) > 0 {
				report("ignore-unused", x, "nothing is found here of %s, or there is no such rule: remove it from the comment",
					strings.Join(unused, ", "))
			}
		}
	}
}

// built reports whether the line that a comment is about is of the judged stage or of one that
// it needs: another stage's may be needed where that is judged.
func (c *checker) built(x *ignore.Ignore) bool {
	d := c.res.Dockerfile
	if d == nil || d.Path != x.Path || x.Last == math.MaxInt {
		return true
	}
	in := (*analysis.Stage)(nil)
	for _, s := range d.Stages {
		if s.Line <= x.First {
			in = s
		}
	}
	return in == nil || in.Reached
}

// A use is one name of a comment or an entry that a finding was found for.
type use struct {
	by   *ignore.Ignore
	name string
}

// take moves the findings that are covered to those that do not count.
func (c *checker) take(all []*ignore.Ignore, checks map[string]string, used map[use]bool) {
	dockerfile, image := "", ""
	if d := c.res.Dockerfile; d != nil {
		dockerfile = d.Path
	}
	if im := c.res.Image; im != nil {
		image = bases.ParseRef(strings.TrimPrefix(im.Name, "docker://")).Repository()
	}
	c.res.Findings = slices.DeleteFunc(c.res.Findings, func(f analysis.Finding) bool {
		by := (*ignore.Ignore)(nil)
		packages := map[string]*ignore.Ignore{} // of the finding that an entry names
		for _, x := range all {
			if x.Over(c.opt.Now) {
				continue
			}
			name, ok := x.Covers(f, checks[f.Rule.ID], dockerfile, image)
			if !ok {
				continue
			}
			used[use{x, name}] = true
			if x.Package != "" {
				c.res.Used = append(c.res.Used, x)
				for _, p := range f.Packages {
					if x.About(p) {
						packages[p] = x
					}
				}
				continue
			}
			if by == nil || by.Foreign || by.Configured { // a comment of Tare's gives the reason
				by = x
			}
		}
		if by == nil && len(f.Packages) > 0 && len(packages) == len(f.Packages) { // each by one or another
			by = packages[f.Packages[0]]
		}
		if by != nil {
			c.res.Ignored = append(c.res.Ignored, Ignored{f, by})
		}
		return by != nil
	})
}

// decided reports whether all rules of that name were run and decided everywhere:
// an ignore of one that was not may be needed all the same. It is true of a name
// that no rule has.
func (c *checker) decided(name string, rules map[string]*analysis.Rule, checks map[string]string) bool {
	for id, r := range rules {
		if id != name && checks[id] != name {
			continue
		}
		if !c.enabled(r) || slices.ContainsFunc(c.res.NotRun, func(n analysis.Undecided) bool { return n.Rule == r }) {
			return false
		}
		if ofPods(r) && (r.Any|r.Uses)&(analysis.InputManifest|analysis.InputFiles) != 0 && c.res.Image == nil { // the image may tell more
			return false
		}
	}
	return len(c.res.Errors) == 0
}

// comments reads those of the Dockerfile, of the files that the user named, and of
// those that something is found in.
func (c *checker) comments(t Target) (all []*ignore.Ignore) {
	seen := map[string]bool{}
	if d := c.res.Dockerfile; d != nil {
		ends := map[int]int{}
		for _, s := range d.Stages {
			ends[s.Line] = s.End
			for _, i := range s.Instructions {
				ends[i.Line] = i.End
			}
		}
		all = ignore.Read(d.Path, d.Source, func(first int) int { return ends[first] })
		seen[d.Path] = true
	}
	for _, p := range t.Pods {
		if m := p.Manifest; m.Comments != nil && !seen[m.Path] {
			seen[m.Path] = true
			all = append(all, m.Comments()...)
		}
	}
	if t.Context == nil {
		return all
	}
	dir := path.Clean(strings.ReplaceAll(t.ContextDir, `\`, "/"))
	read := func(name string) { // as the report has it
		rel := name
		if dir != "." {
			var ok bool
			if rel, ok = strings.CutPrefix(name, dir+"/"); !ok {
				return
			}
		}
		if seen[name] || !fs.ValidPath(rel) {
			return
		}
		seen[name] = true
		if info, err := fs.Stat(t.Context, rel); err != nil || !info.Mode().IsRegular() || info.Size() > maxIgnoreFile {
			return
		}
		if text, err := fs.ReadFile(t.Context, rel); err == nil {
			all = append(all, ignore.Read(name, text, nil)...)
		}
	}
	for _, name := range t.Named {
		read(path.Join(dir, name))
	}
	for _, f := range c.res.Findings {
		if f.Location.Layer == nil {
			read(f.Location.Path)
		}
	}
	return all
}
