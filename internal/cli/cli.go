// Package cli is the command line of Tare, for any list of analyzers: one file
// for each command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// Exit statuses. A cron job must tell dirty from broken.
const (
	Clean    = 0 // nothing at or above --fail-on
	Findings = 1 // findings at or above --fail-on
	Usage    = 2 // wrong usage or configuration
	Broken   = 3 // something could not be judged; what could be is printed
)

// A statusError ends the program with a status; its error, if any, is printed.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &statusError{Usage, fmt.Errorf(format, args...)} }

// Streams are those of the process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// patience is how long a run may go on after a signal: what it reads and writes
// ends at once, what it computes does not look.
const patience = time.Second

// interruptible returns a context that SIGINT and SIGTERM end, and the process
// with it if that takes longer than patience. Files are written by rename:
// none is left half written.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-ctx.Done():
		case <-signals:
			cancel()
			time.Sleep(patience)
			os.Exit(Broken)
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// softMemory is how many bytes of memory are used before garbage is collected
// at the cost of speed: a large image in a small pod is better read slowly than
// not at all.
const softMemory = 200 << 20

// garbage is how much of what is in use may be garbage, in percent, below softMemory: a run is
// short, and most of what it makes it keeps.
const garbage = 400

// Main runs the command line args and returns the exit status.
func Main(args []string, std Streams, analyzers ...*analysis.Analyzer) int {
	if err := analysis.Validate(analyzers); err != nil {
		fmt.Fprintln(std.Err, "tare: internal error:", err)
		return Usage
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ctx, stop := interruptible()
	defer stop()
	root := &cobra.Command{
		Use:   "tare",
		Short: "check that a Python container image is as lean and as pinned as it should be",
		Long: `Tare checks the Dockerfile, the requirement files and the built image together,
and points each finding at the line that caused it.

Exit status: 0 nothing at or above --fail-on; 1 findings, or, with --strict, a
rule that could not be decided somewhere; 2 wrong usage or configuration; 3
something could not be judged.`,
		SilenceUsage: true, SilenceErrors: true,
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version: fullVersion(),
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(check(std, analyzers), scanCommand(std, analyzers), convertCommand(std),
		diffCommand(std, analyzers), budgetCommand(std, analyzers), list(analyzers), explain(analyzers), configCommand(std, analyzers),
		initCommand(std, analyzers), cacheCommand(), version())
	refuseTopics(root)
	root.SetArgs(args)
	root.SetIn(std.In)
	root.SetOut(std.Out)
	root.SetErr(std.Err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	err := root.ExecuteContext(ctx)
	var status *statusError
	switch {
	case err == nil:
		return Clean
	case ctx.Err() != nil:
		fmt.Fprintln(std.Err, "tare: interrupted")
		return Broken
	case errors.As(err, &status):
		if status.err != nil {
			fmt.Fprintln(std.Err, "tare:", redact.Printable(status.err.Error()))
		}
		return status.status
	}
	fmt.Fprintln(std.Err, "tare:", redact.Printable(err.Error()))
	return Usage
}
