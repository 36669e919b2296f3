package multistage_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/multistage"
)

func Test(t *testing.T) { analysistest.Run(t, multistage.Analyzer) }
