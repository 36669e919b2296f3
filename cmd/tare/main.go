// Tare checks that a Python container image is as lean and as pinned as its
// authors believe: in the Dockerfile, in the requirement files and in the built
// image, together.
package main

import (
	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/multichecker"
)

func main() { multichecker.Main(analyzers.All...) }
