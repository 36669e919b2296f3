package shutdown_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/shutdown"
)

func Test(t *testing.T) { analysistest.Run(t, shutdown.Analyzer) }
