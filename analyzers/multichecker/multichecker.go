// Package multichecker is the main function of a program that runs any list of
// analyzers: Tare's own, and those that a user adds.
//
//	func main() { multichecker.Main(append(analyzers.All[:len(analyzers.All):len(analyzers.All)], mine.Analyzer)...) }
package multichecker

import (
	"os"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cli"
)

// Main runs the command line of the process and exits with its status.
func Main(analyzers ...*analysis.Analyzer) {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, analyzers...))
}
