package runtime_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/runtime"
)

func Test(t *testing.T) { analysistest.Run(t, runtime.Analyzer) }
