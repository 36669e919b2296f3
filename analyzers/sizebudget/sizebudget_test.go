package sizebudget_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/sizebudget"
)

func Test(t *testing.T) { analysistest.Run(t, sizebudget.Analyzer) }
