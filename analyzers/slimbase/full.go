package slimbase

import (
	"fmt"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/swap"
)

// alone judges the base of an image without a Dockerfile, where it is known.
func alone(pass *analysis.Pass) {
	base := pass.Image.Base
	switch b := bases.Lookup(base.Ref); {
	case base.Ref == "":
		pass.Undecided(full, nil, analysis.NoBase)
	case b.Full && len(pass.Image.Layers) > 0:
		pass.Report(larger(pass, pass.Image.Layers[0], base.Ref, b))
	}
}

// larger says that a base has a smaller sibling, and, where both images are known, what that saves
// and what it lacks that is used.
func larger(pass *analysis.Pass, at analysis.Node, ref string, b bases.Base) analysis.Finding {
	f := analysis.Finding{
		Rule: full, Location: at.Location(), Key: b.Repository(),
		Message: fmt.Sprintf("base image %q is the full variant: use %q", ref, b.Sibling),
	}
	s := swap.Fact.Of(pass)
	if s == nil || s.Saved.Download <= 0 && s.Saved.Unpacked <= 0 {
		f.Message += "; " + b.Loses
		if b.Family != "debian" {
			f.Message += ", which belong in a build stage"
		}
		return f
	}
	f.Bytes, f.Packages = s.Lasting(), s.Gone
	var saved []string
	if s.Saved.Download > 0 {
		saved = append(saved, analysis.Bytes(s.Saved.Download).String()+" less to download")
	}
	if s.Saved.Unpacked > 0 {
		saved = append(saved, analysis.Bytes(s.Saved.Unpacked).String()+" unpacked")
	}
	f.Message += ": " + strings.Join(saved, ", ")
	back := s.Back.Unpacked
	if s.Saved.Unpacked <= 0 {
		back = s.Back.Download
	}
	if back >= 1e6 {
		f.Message += fmt.Sprintf(", of which about %s come back with what is used of it", analysis.Bytes(back).About())
		if len(s.With) > 0 {
			f.Message += " and with " + analysis.And(s.With, 4)
		}
	}
	switch {
	case len(s.Uses) > 0:
		var names, why []string
		for _, u := range s.Uses {
			names = append(names, u.Package.Name)
			why = append(why, fmt.Sprintf("%s (%s)", analysis.And(u.Names, 2), u.Package.Name))
			if u.By != nil {
				f.Related = append(f.Related, analysis.Related{
					Location: u.By.Location(), Message: fmt.Sprintf("uses %s of %s", analysis.And(u.Names, 3), u.Package.Name),
				})
			}
		}
		f.Message += fmt.Sprintf("; the image uses %s of the full base: install %s", analysis.And(why, 8), analysis.And(names, 20))
		if s.Unread > 0 {
			f.Message += fmt.Sprintf("; of %d files the libraries could not be read", s.Unread)
		}
	case s.Unread > 0:
		f.Message += fmt.Sprintf("; of %d files the libraries could not be read, of the others none needs the rest", s.Unread)
	default:
		f.Message += "; no library or entrypoint above it needs the rest"
	}
	if s.Guessed {
		f.Message += fmt.Sprintf(" (as far as the name tells what %q holds: tare check it once, and its files count)", b.Sibling)
	}
	return f
}
