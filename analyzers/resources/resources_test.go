package resources_test

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/analyzers/resources"
)

func Test(t *testing.T) { analysistest.Run(t, resources.Analyzer) }
