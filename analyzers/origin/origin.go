// Package origin finds images that were not built from the Dockerfile beside
// them.
package origin

import (
	_ "embed"

	"github.com/tareweight/tare/analyzers/analysis"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:  "origin",
	Doc:   doc,
	Rules: []*analysis.Rule{mismatch},
	Run:   run,
}

var mismatch = &analysis.Rule{
	ID:       "origin-mismatch",
	Title:    "the image was not built from this Dockerfile",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile | analysis.InputManifest,
}

func run(pass *analysis.Pass) error {
	if pass.Image == nil || pass.Dockerfile == nil {
		return nil
	}
	if pass.Image.Differs == nil {
		if pass.Image.Aligned != "" {
			pass.Undecided(mismatch, nil, pass.Image.Aligned)
		}
		return nil
	}
	d := pass.Image.Differs
	if d.None {
		pass.Reportf(mismatch, d.Location, "origin",
			"the image was not built from this Dockerfile: it has none of its steps, %s; name the right --image", d.What)
		return nil
	}
	pass.Reportf(mismatch, d.Location, "origin",
		"the image was not built from this Dockerfile: this is the first instruction that differs, %s; "+
			"build it again, or name the right --image, --target or --build-arg",
		d.What)
	return nil
}
