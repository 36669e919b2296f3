// Corpus measures Tare on real files with known answers: precision and recall
// for each label, and every disagreement on a line of its own.
//
// usage: corpus DIR
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: corpus DIR")
		os.Exit(2)
	}
	wrong := 0
	for _, measure := range []func(string) (int, error){floating, lockFiles, join, dockerfiles} {
		n, err := measure(os.Args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, "corpus:", err)
			os.Exit(3)
		}
		wrong += n
	}
	if wrong > 0 {
		os.Exit(1)
	}
}
