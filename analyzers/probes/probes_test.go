package probes_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/probes"
)

func Test(t *testing.T) { analysistest.Run(t, probes.Analyzer) }
