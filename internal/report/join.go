package report

import "slices"

// Join reports once what was found of several targets at one place of one file, such as
// the requirements that three Dockerfiles install, or in the same layer of several platforms of
// one image: the finding stays in the first target, which names the others and has the related
// places of all.
func (d *Document) Join() {
	type place struct {
		rule, severity, key string
		at                  Location
		message             string // of what stands in an image: its platforms differ in bytes, and that is said
	}
	d.joinIgnored()
	first := map[place]*Finding{}
	for i := range d.Targets {
		t := &d.Targets[i]
		own := map[place]bool{} // of this target: two alike in it stay two
		kept := t.Findings[:0]
		of := func(f *Finding) (p place, joins bool) {
			p = place{f.Rule, string(f.Severity), f.Key, f.Location, ""}
			if f.Location.Layer == "" && f.Location.Path != "" {
				return p, true
			}
			if t.Image != nil {
				p.at.Layer, p.message = "of "+t.Image.Name, f.Message // whose platforms have other diffIDs
			}
			return p, t.Image != nil
		}
		for _, f := range t.Findings {
			p, joins := of(&f)
			if same := first[p]; same != nil && joins && !own[p] {
				same.join(&f, t.Name)
				continue
			}
			own[p] = true
			kept = append(kept, f)
		}
		t.Findings = slices.Clip(kept)
		for j := range t.Findings {
			f := &t.Findings[j]
			if p, _ := of(f); first[p] == nil {
				first[p] = f
			}
		}
	}
}

// joinIgnored reports once what a comment or an entry ignores for several targets. A comment
// that ignores something for one of them is not unused.
func (d *Document) joinIgnored() {
	type ignored struct {
		rule, key string
		at, by    Location
	}
	seen := map[ignored]bool{}
	used := map[Location]bool{}
	for i := range d.Targets {
		t := &d.Targets[i]
		own := map[ignored]bool{} // of this target: two alike in it stay two
		t.Ignored = slices.DeleteFunc(t.Ignored, func(x Ignored) bool {
			p := ignored{x.Rule, x.Key, x.Location, x.By}
			used[x.By] = true
			own[p] = true
			return seen[p] && x.Location.Layer == "" && x.Location.Path != ""
		})
		for p := range own {
			seen[p] = true
		}
	}
	for i := range d.Targets {
		d.Targets[i].Findings = slices.DeleteFunc(d.Targets[i].Findings, func(f Finding) bool {
			return f.Rule == "ignore-unused" && used[f.Location]
		})
	}
}

// maxRelated is how many related places a finding of several targets has.
const maxRelated = 50

// join adds what other, the same finding of another target, has besides.
func (f *Finding) join(other *Finding, target string) {
	if !slices.Contains(f.Targets, target) {
		f.Targets = append(f.Targets, target)
	}
	for _, r := range other.Related {
		if len(f.Related) < maxRelated && !slices.Contains(f.Related, r) {
			f.Related = append(f.Related, r)
		}
	}
}
