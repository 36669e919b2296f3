// Package command runs programs of this machine, git and credential helpers,
// which may wait for ever and print without end.
package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Limits of one program.
type Limits struct {
	Time   time.Duration
	Output int      // bytes of standard output
	Memory uint64   // bytes of its own, on Linux; 0: no limit
	Env    []string // besides the process's own
}

// A TimeError is a program that was ended because it took too long, an
// OutputError one that printed too much.
type (
	TimeError struct {
		Program string
		Limit   time.Duration
	}
	OutputError struct {
		Program string
		Limit   int
	}
)

func (e *TimeError) Error() string {
	return fmt.Sprintf("%s takes more than the limit of %v", e.Program, e.Limit)
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("%s prints more than the limit of %d bytes", e.Program, e.Limit)
}

// Run runs a program with that standard input and returns its standard output,
// also where it fails. What it prints besides is dropped. The error is a
// TimeError, an OutputError, that of ctx, or exec's.
func Run(ctx context.Context, limits Limits, stdin io.Reader, program string, args ...string) ([]byte, error) {
	timed, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	cmd := exec.CommandContext(timed, program, args...)
	if limits.Memory > 0 {
		bound(cmd, limits.Memory)
	}
	out := &output{left: limits.Output}
	cmd.Stdin, cmd.Stdout = stdin, out
	cmd.WaitDelay = time.Second // for what a child of it holds open
	if limits.Env != nil {
		cmd.Env = append(os.Environ(), limits.Env...)
	}
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.left < 0:
		return nil, &OutputError{program, limits.Output}
	case timed.Err() != nil:
		return nil, &TimeError{program, limits.Time}
	}
	return out.text.Bytes(), err
}

// output keeps no more than it may. It is a Writer alone: a bytes.Buffer would
// be filled by its ReadFrom, past any limit of Write.
type output struct {
	text bytes.Buffer
	left int
}

func (o *output) Write(p []byte) (int, error) {
	if o.left -= len(p); o.left < 0 {
		return 0, io.ErrShortBuffer
	}
	return o.text.Write(p)
}
