package driver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// maxFindings is how many findings of a target are reported: nobody reads more,
// and code scanning takes 25,000 of a run.
const maxFindings = 5_000

// finish takes out what is ignored or turned off, sets severities and sorts.
func (c *checker) finish(t Target) {
	c.ignores(t)
	c.res.Findings = slices.DeleteFunc(c.res.Findings, func(f analysis.Finding) bool {
		_, off := c.level(f.Rule, c.file(f.Location))
		return off
	})
	if c.opt.AddedOnly {
		c.addedOnly()
	}
	for i := range c.res.Findings {
		c.severity(&c.res.Findings[i])
		if t.Inline { // there are no lines to edit
			c.res.Findings[i].Fixes = nil
		}
	}
	for i := range c.res.Ignored {
		c.severity(&c.res.Ignored[i].Finding)
	}
	if n := len(c.res.Findings); n > maxFindings {
		rank := func(f analysis.Finding) int { return slices.Index(analysis.Severities, f.Severity) }
		slices.SortStableFunc(c.res.Findings, func(a, b analysis.Finding) int { return cmp.Compare(rank(a), rank(b)) })
		c.res.Findings = c.res.Findings[:maxFindings]
		c.res.Remarks = append(c.res.Remarks,
			fmt.Sprintf("of %d findings the %d of the highest severity are reported", n, maxFindings))
	}
	slices.SortStableFunc(c.res.Findings, compareFindings)
	slices.SortStableFunc(c.res.Ignored, func(a, b Ignored) int { return compareFindings(a.Finding, b.Finding) })
	slices.SortStableFunc(c.res.NotRun, func(a, b analysis.Undecided) int {
		return cmp.Or(strings.Compare(a.Rule.ID, b.Rule.ID), compareLocations(a.Location, b.Location),
			strings.Compare(a.Reason, b.Reason))
	})
}

// file is the path of a place for the configuration: what is found in the image is of
// its Dockerfile.
func (c *checker) file(at analysis.Location) string {
	if at.Layer == nil && at.Path != "" {
		return at.Path
	}
	if d := c.res.Dockerfile; d != nil {
		return d.Path
	}
	return ""
}

// severity sets the severity of a finding: what the configuration says, else its own,
// else its rule's; but a note stays one where the check made it one, and where the judged
// stage is one for development that nobody chose.
func (c *checker) severity(f *analysis.Finding) {
	set, _ := c.level(f.Rule, c.file(f.Location))
	if f.Severity == analysis.Note && f.Rule.Severity != analysis.Note {
		set = ""
	}
	f.Severity = cmp.Or(set, f.Severity, f.Rule.Severity)
	if d := c.res.Dockerfile; d != nil && d.Provisional && f.Rule.Runtime && !c.inManifest(f.Location) {
		f.Severity = analysis.Note
	}
}

// inManifest reports whether a place is one of a manifest: what is said there is said of a pod.
func (c *checker) inManifest(at analysis.Location) bool {
	if c.manifests == nil {
		c.manifests = map[string]bool{}
		for _, p := range c.res.Target.Pods {
			c.manifests[p.Manifest.Path] = true
		}
	}
	return at.Layer == nil && c.manifests[at.Path]
}

func compareFindings(a, b analysis.Finding) int {
	return cmp.Or(
		compareLocations(a.Location, b.Location),
		strings.Compare(a.Rule.ID, b.Rule.ID),
		strings.Compare(a.Message, b.Message),
	)
}

// addedOnly drops what is found of the base: on its FROM, or on its layers.
func (c *checker) addedOnly() {
	if c.res.Image != nil && c.res.Image.Base.How == "" {
		c.res.Remarks = append(c.res.Remarks, "where the base image ends is not known: its layers are judged with the others")
	}
	var from analysis.Location
	if c.res.Dockerfile != nil {
		from = c.res.Dockerfile.Chain()[0].Location()
	}
	c.res.Findings = slices.DeleteFunc(c.res.Findings, func(f analysis.Finding) bool {
		return f.Location.Layer != nil && f.Location.Layer.Base || from.Line > 0 && f.Location == from
	})
}

// compareLocations orders lines of files first, then layers, then the image.
func compareLocations(a, b analysis.Location) int {
	class := func(l analysis.Location) int {
		switch {
		case l.Layer != nil:
			return 1
		case l.Path == "":
			return 2
		}
		return 0
	}
	index := func(l analysis.Location) int {
		if l.Layer == nil {
			return 0
		}
		return l.Layer.Index
	}
	return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(index(a), index(b)), strings.Compare(a.Path, b.Path),
		cmp.Compare(a.Line, b.Line))
}
