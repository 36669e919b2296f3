package cli

import (
	"runtime/debug"
	"testing"
)

// TestBuilt: what a build says of its commit.
func TestBuilt(t *testing.T) {
	for want, settings := range map[string][]debug.BuildSetting{
		"": {{Key: "vcs", Value: "git"}, {Key: "vcs.time", Value: "2026-11-26T02:20:00Z"}},
		", commit 0123456789ab of 2026-11-26": {
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.time", Value: "2026-11-26T02:20:00Z"}, {Key: "vcs.modified", Value: "false"},
		},
		", commit 0123 with changes": {{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.modified", Value: "true"}},
	} {
		if got := built(settings); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
