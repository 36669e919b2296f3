package scan

import "testing"

// TestAbove: what a hosted registry is asked for is the parts of a pattern that are whole.
func TestAbove(t *testing.T) {
	for glob, want := range map[string]string{"team/*": "team", "team/a*": "team", "*": "", "": "", "team/deep/[ab]/c": "team/deep", "team/?": "team"} {
		if got := above(glob); got != want {
			t.Errorf("%q: got %q, want %q", glob, got, want)
		}
	}
}
