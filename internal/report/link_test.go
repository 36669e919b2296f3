package report

import "testing"

// TestLinks: a rule leads to its page where there are links; what is no rule's name leads nowhere.
func TestLinks(t *testing.T) {
	for name, want := range map[string]string{
		"waste-cache": "\x1b]8;;https://github.com/tareweight/tare/blob/main/analyzers/waste/README.md#waste-cache\x1b\\\x1b[2m[waste-cache]\x1b[0m\x1b]8;;\x1b\\",
		"a/../b-c":    "\x1b[2m[a/../b-c]\x1b[0m", "waste-x\x07": "\x1b[2m[waste-x\x07]\x1b[0m",
	} {
		if got := (painter{true, true}).rule(name); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := (painter{}).rule(name); got != "["+name+"]" {
			t.Errorf("no terminal: %q", got)
		}
	}
}
