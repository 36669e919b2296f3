package probes

import (
	"strings"
	"testing"
)

// TestLimits: of routes that a stranger wrote as many are read as anybody has, no pattern that is large when it is compiled is, and a
// decorator is not followed to the end of a file.
func TestLimits(t *testing.T) {
	if n := len(list(strings.Repeat("path('a', v),\n", maxRoutes+5))); n != maxRoutes {
		t.Errorf("%d routes are read", n)
	}
	for pattern, want := range map[string]bool{
		`^status/$`: true, strings.Repeat("a", maxPattern): true, strings.Repeat("a", maxPattern+1): false, `(aaaa){1000}`: false,
	} {
		r := list("re_path(r'" + pattern + "', v),\n")
		if len(r) != 1 || (r[0].match != nil) != want {
			t.Errorf("%.20q is compiled: %v", pattern, !want)
		}
	}
	for decorators, want := range map[int]string{maxDecorators - 2: "db.execute()", maxDecorators + 2: ""} {
		lines := append(strings.Split(strings.Repeat("@other\n", decorators), "\n"), "def status():", "    db.execute()")
		h := &handler{}
		if h.read(lines, 1, 0); h.text != want {
			t.Errorf("below %d decorators: %q", decorators, h.text)
		}
	}
}
