// Package ignore describes the rules about comments that ignore findings. The
// findings are made where all others are known, by the driver: see its ignores.
package ignore

import (
	_ "embed"

	"github.com/tareweight/tare/analyzers/analysis"
)

//go:embed README.md
var doc string

// Analyzer is the check. It reports nothing by itself.
var Analyzer = &analysis.Analyzer{
	Name:  "ignore",
	Doc:   doc,
	Rules: []*analysis.Rule{reason, expired, unused},
	Run:   func(*analysis.Pass) error { return nil },
}

var (
	reason = &analysis.Rule{
		ID:       "ignore-reason",
		Title:    "a comment that ignores something gives no reason, or is not understood",
		Severity: analysis.Warning,
	}
	expired = &analysis.Rule{
		ID:       "ignore-expired",
		Title:    "the last day of a comment that ignores something is over",
		Severity: analysis.Warning,
	}
	unused = &analysis.Rule{
		ID:       "ignore-unused",
		Title:    "a comment ignores what is not found",
		Severity: analysis.Note,
	}
)
