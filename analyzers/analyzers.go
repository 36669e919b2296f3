// Package analyzers lists the checks.
package analyzers

import (
	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/ignore"
	"github.com/tareweight/tare/analyzers/multistage"
	"github.com/tareweight/tare/analyzers/observability"
	"github.com/tareweight/tare/analyzers/origin"
	"github.com/tareweight/tare/analyzers/pinned"
	"github.com/tareweight/tare/analyzers/probes"
	"github.com/tareweight/tare/analyzers/resources"
	"github.com/tareweight/tare/analyzers/runtime"
	"github.com/tareweight/tare/analyzers/shutdown"
	"github.com/tareweight/tare/analyzers/sizebudget"
	"github.com/tareweight/tare/analyzers/slimbase"
	"github.com/tareweight/tare/analyzers/toolchain"
	"github.com/tareweight/tare/analyzers/waste"
)

// All is every check, by name.
var All = []*analysis.Analyzer{
	ignore.Analyzer,
	multistage.Analyzer,
	observability.Analyzer,
	origin.Analyzer,
	pinned.Analyzer,
	probes.Analyzer,
	resources.Analyzer,
	runtime.Analyzer,
	shutdown.Analyzer,
	sizebudget.Analyzer,
	slimbase.Analyzer,
	toolchain.Analyzer,
	waste.Analyzer,
}
