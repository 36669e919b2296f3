package observability_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/observability"
)

func Test(t *testing.T) { analysistest.Run(t, observability.Analyzer) }
