package command_test

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tareweight/tare/internal/command"
)

func TestRun(t *testing.T) {
	limits := command.Limits{Time: 10 * time.Second, Output: 1 << 20}
	out, err := command.Run(context.Background(), limits, strings.NewReader("in"), "sh", "-c", "cat; echo out; echo no >&2; exit 3")
	if string(out) != "inout\n" || err == nil || err.Error() != "exit status 3" {
		t.Errorf("%q, %v", out, err)
	}
	start := time.Now()
	var oe *command.OutputError
	if _, err := command.Run(context.Background(), limits, nil, "sh", "-c", "exec cat /dev/zero"); !errors.As(err, &oe) || time.Since(start) > 5*time.Second {
		t.Errorf("without end: %v, %v", err, time.Since(start))
	}
	limits.Time = 50 * time.Millisecond
	var te *command.TimeError
	if _, err := command.Run(context.Background(), limits, nil, "sh", "-c", "sleep 100 & sleep 100"); !errors.As(err, &te) || time.Since(start) > 10*time.Second {
		t.Errorf("for ever: %v, %v", err, time.Since(start))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := command.Run(ctx, limits, nil, "true"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestMemory: the limit of memory is there when the program begins, its arguments and its status are its own, and a program
// that is not there is none of the shell's.
func TestMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("on Linux alone")
	}
	limits := command.Limits{Time: 10 * time.Second, Output: 1 << 20, Memory: 64 << 20}
	for range 20 {
		out, err := command.Run(context.Background(), limits, nil, "sh", "-c", `ulimit -d; echo "$0|$*"; exit 5`, "a b", "$HOME", "c\"'d")
		if want := "65536\na b|$HOME c\"'d\n"; string(out) != want || err == nil || err.Error() != "exit status 5" {
			t.Fatalf("%q, %v, want %q", out, err, want)
		}
	}
	if _, err := command.Run(context.Background(), limits, nil, "no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}
