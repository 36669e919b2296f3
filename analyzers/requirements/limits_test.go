package requirements_test

import (
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/requirements"
)

// TestLimits: a file of more lines than anybody writes is read up to a limit,
// which is said at the line.
func TestLimits(t *testing.T) {
	for text, want := range map[string]struct {
		line   int
		reason string
	}{
		"a\n": {20_001, "the lines from here on are not read: they are more than the limit of 20000"},
		"=\n": {1001, "the lines from here on are not read: pip rejects 1000 before them"},
	} {
		f, err := requirements.Parse("r.txt", []byte(strings.Repeat(text, 30_000)))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Undecided) != 1 || f.Undecided[0].Line != want.line || f.Undecided[0].Reason != want.reason {
			t.Errorf("%q: %+v, want %+v", text, f.Undecided, want)
		}
		if n := len(f.Requirements) + len(f.Invalid); n != want.line-1 {
			t.Errorf("%q: %d lines are read", text, n)
		}
	}
}
