// Package dockerfile turns the text of a Dockerfile into the vocabulary of
// package analysis: BuildKit's parser reads it, and what BuildKit computes
// while it builds (variables, the graph of stages, ONBUILD) is computed here.
package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers/analysis"
)

// MaxSize is how many bytes of a Dockerfile are read. Real ones stay below
// 100 KB.
const MaxSize = 1 << 20

// MaxInstructions is how many instructions a Dockerfile may have. Real ones have
// some hundred.
const MaxInstructions = 10_000

// Options say how the file would be built.
type Options struct {
	Target        string            // stage by name or number; "" is the last
	BuildArgs     map[string]string // of --build-arg
	Contexts      map[string]string // of --build-context: what stands in the place of a stage or an image, by its name
	Platform      string            // os/arch[/variant] of the image; "" is linux on this machine's architecture
	BuildPlatform string            // of the machine that builds; "" is the same default
}

// An Error is a Dockerfile that cannot be built, with the line that BuildKit
// names.
type Error struct {
	Path string
	Line int // 0 if BuildKit names none
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("parse %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("parse %s:%d: %v", e.Path, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// An UnknownTargetError is a stage that the file does not have.
type UnknownTargetError struct {
	Path, Target string
	Names        []string // the stages it has
}

func (e *UnknownTargetError) Error() string {
	if len(e.Names) == 0 {
		return fmt.Sprintf("%s has no stage %q: none of its stages has a name", e.Path, e.Target)
	}
	return fmt.Sprintf("%s has no stage %q: want one of %s", e.Path, e.Target, strings.Join(e.Names, ", "))
}

// Parse parses src, the content of the Dockerfile called path. The error is an
// *Error or an *UnknownTargetError.
func Parse(path string, src []byte, opt Options) (*analysis.Dockerfile, error) {
	fail := func(line int, err error) (*analysis.Dockerfile, error) {
		return nil, &Error{Path: path, Line: line, Err: err}
	}
	if len(src) > MaxSize {
		return fail(0, fmt.Errorf("%d bytes, more than the limit of %d", len(src), MaxSize))
	}
	tree, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return fail(errorLine(err), err)
	}
	if n := len(tree.AST.Children); n > MaxInstructions {
		return fail(tree.AST.Children[MaxInstructions].StartLine,
			fmt.Errorf("%d instructions, more than the limit of %d", n, MaxInstructions))
	}
	stages, args, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return fail(errorLine(err), err)
	}
	d := &analysis.Dockerfile{Path: path, Source: src, Escape: tree.EscapeToken}
	text := newSource(src, tree.EscapeToken)
	nodes := tree.AST.Children // one for each ARG, FROM and instruction, in order
	next := func(cmd instructions.Command) *analysis.Instruction {
		n := nodes[0]
		nodes = nodes[1:]
		inst := &analysis.Instruction{Command: cmd, Line: n.StartLine, End: n.EndLine}
		text.locate(inst, n)
		return inst
	}
	for i := range args {
		d.Args = append(d.Args, next(&args[i]))
	}
	b := &builder{file: d, options: opt, declared: stages}
	b.begin()
	for i := range stages {
		s := &stages[i]
		from := next(nil)
		stage := &analysis.Stage{Dockerfile: d, Index: i, Name: s.Name, From: s.BaseName, Line: from.Line, End: from.End}
		for _, c := range s.Commands {
			inst := next(c)
			inst.Stage = stage
			stage.Instructions = append(stage.Instructions, inst)
		}
		if err := b.stage(stage, s); err != nil {
			return fail(stage.Line, err)
		}
	}
	if err := b.edges(); err != nil {
		return nil, err
	}
	return d, b.target()
}

// errorLine is the first line that a BuildKit error names, or 0.
func errorLine(err error) int {
	var at *parser.LocationError
	if errors.As(err, &at) && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
		return at.Locations[0][0].Start.Line
	}
	return 0
}
