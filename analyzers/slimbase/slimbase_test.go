package slimbase_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/slimbase"
)

func Test(t *testing.T) { analysistest.Run(t, slimbase.Analyzer) }
