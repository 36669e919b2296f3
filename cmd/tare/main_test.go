package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the captures in README.md, and the wanted output in testdata/testbed")

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"tare": main}) }
