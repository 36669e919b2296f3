package pinned_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/pinned"
)

func Test(t *testing.T) { analysistest.Run(t, pinned.Analyzer) }
