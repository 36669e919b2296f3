package waste_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/waste"
)

func Test(t *testing.T) { analysistest.Run(t, waste.Analyzer) }
