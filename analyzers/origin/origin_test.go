package origin_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/origin"
)

func Test(t *testing.T) { analysistest.Run(t, origin.Analyzer) }
