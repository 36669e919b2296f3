package analyzers_test

import (
	"os"
	"slices"
	"testing"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysis"
)

// TestAll compares the suite with the directories: a check is in both.
func TestAll(t *testing.T) {
	if err := analysis.Validate(analyzers.All); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := os.Stat(e.Name() + "/README.md"); e.IsDir() && err == nil {
			want = append(want, e.Name())
		}
	}
	for _, a := range analyzers.All {
		got = append(got, a.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the suite is %q, the directories are %q", got, want)
	}
}
