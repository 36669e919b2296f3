package toolchain_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/toolchain"
)

func Test(t *testing.T) { analysistest.Run(t, toolchain.Analyzer) }
