package ignore_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/ignore"
)

func Test(t *testing.T) { analysistest.Run(t, ignore.Analyzer) }
