package dockerfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers/analysis"
)

func parse(t *testing.T, src string, opt Options) *analysis.Dockerfile {
	t.Helper()
	d, err := Parse("Dockerfile", []byte(src), opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// joins are instructions whose text BuildKit joins in a way of its own.
var joins = []string{
	"FROM a\nRUN a && \\\n  b && \\\n# a comment\n\n   # another\n  c\n",
	"FROM a\nRUN a \\ \t\n b \\\n\n c\n",
	"FROM a\r\nRUN a \\\r\n b\r\n",
	"# escape=`\nFROM a\nRUN a `\n  b \\\nRUN c\n",
	"\xef\xbb\xbfFROM a\n  RUN  a  \\\n\\\n b\n",
	"FROM a\nRUN a \\\\\n\nRUN b\n",
	"FROM a\nRUN --mount=type=cache,target=/x \\\n --network=none \\\n a\n",
	"FROM a\nRUN <<E1 <<-E2\none\nE1\n\ttwo\n\tE2\nRUN three\n",
	"FROM a\nCOPY <<E /x\n# kept\nE\nRUN a\\",
	"FROM a\nRUN a \\\n#c",
	"FROM a\nRUN a \\\n  \\\n  b",
}

func TestLines(t *testing.T) {
	for _, src := range joins {
		checkLines(t, []byte(src))
	}
	d := parse(t, joins[0], Options{})
	run := d.Stages[0].Instructions[0]
	for word, line := range map[string]int{"a": 2, "b": 3, "c": 7} {
		if got := run.Lines.At(strings.LastIndex(run.Text, word)); got != line {
			t.Errorf("%q of %q stands on line %d, want %d", word, run.Text, got, line)
		}
	}
	if docs := parse(t, joins[7], Options{}).Stages[0].Instructions[0].Heredocs; len(docs) != 2 || docs[0].Line != 3 || docs[1].Line != 5 || !docs[1].Chomp {
		t.Errorf("heredocs: %+v", docs)
	}
}

// checkLines fails unless the join made here is BuildKit's for every
// instruction of src.
func checkLines(t *testing.T, src []byte) {
	t.Helper()
	tree, err := parser.Parse(strings.NewReader(string(src)))
	if err != nil {
		return
	}
	s := newSource(src, tree.EscapeToken)
	for _, n := range tree.AST.Children {
		text, table, last := s.join(n.StartLine)
		if strings.TrimSpace(text) != strings.TrimSpace(n.Original) {
			t.Errorf("line %d of %q: joined %q, BuildKit %q", n.StartLine, src, text, n.Original)
		}
		if len(n.Heredocs) == 0 && last > n.EndLine {
			t.Errorf("line %d of %q: ends on %d, BuildKit %d", n.StartLine, src, last, n.EndLine)
		}
		for i := 1; i < len(table); i++ {
			if table[i].Offset < table[i-1].Offset || table[i].Line <= table[i-1].Line {
				t.Errorf("line table of %q: %v", src, table)
			}
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, src := range joins {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) { checkLines(t, src) })
}

func TestStages(t *testing.T) {
	d := parse(t, `ARG BASE=runtime
ARG VERSION
ARG TAG=${VERSION:-3.12}-slim
FROM python:$TAG AS build
FROM python:${VERSION} AS unknown
FROM debian AS Python
FROM python AS runtime
COPY --from=build /a /a
COPY --from=2 /b /b
COPY --from=later /d /d
RUN --mount=type=bind,from=mounted,target=/m true
FROM scratch AS mounted
FROM build AS later
FROM scratch AS unused
FROM ${BASE}
`, Options{})
	type stage struct {
		base, parent, root string
		reached            bool
	}
	want := []stage{
		{"python:3.12-slim", "", "python:3.12-slim", true},
		{"", "", "", false},
		{"debian", "", "debian", true},
		{"python", "python", "debian", true}, // a stage's name shadows an image
		{"scratch", "", "scratch", true},
		{"build", "build", "python:3.12-slim", true}, // needed before it is declared
		{"scratch", "", "scratch", false},
		{"runtime", "runtime", "debian", true},
	}
	for i, s := range d.Stages {
		got := stage{base: s.Base, root: s.Root, reached: s.Reached}
		if s.Parent != nil {
			got.parent = s.Parent.Name
		}
		if got != want[i] {
			t.Errorf("stage %d: got %+v, want %+v", i, got, want[i])
		}
	}
}

func TestState(t *testing.T) {
	d := parse(t, `ARG G=global
FROM scratch AS base
ARG A=1
ENV E=$A-x
WORKDIR /srv
FROM base
ARG G
ARG NONE
ENV F=$E N=$NONE D=${NONE:-d} P=${NONE:+p} H=$HOME
WORKDIR sub
ARG E=again
SHELL ["/bin/bash", "-c"]
USER app
RUN true
`, Options{BuildArgs: map[string]string{"A": "2"}})
	st := d.Stages[1].Instructions[len(d.Stages[1].Instructions)-1].State
	for name, want := range map[string]string{"G": "global", "A": "2", "E": "again", "F": "2-x", "D": "d", "P": "", "N": "?", "H": "?", "NONE": "?", "MISSING": "-"} {
		v, known, defined := st.Lookup(name)
		if !known {
			v = "?"
		}
		if !defined {
			v = "-"
		}
		if v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	if st.Workdir != "/srv/sub" || !st.WorkdirKnown || st.User != "app" || st.Shell[0] != "/bin/bash" {
		t.Errorf("state: %+v", st)
	}
}

func TestOnbuild(t *testing.T) {
	d := parse(t, "FROM a AS base\nONBUILD RUN one\nONBUILD COPY x /\nFROM base AS child\nRUN two\nFROM child\nRUN three\n", Options{})
	var got []string
	for _, s := range d.Stages {
		for _, inst := range s.Instructions {
			if _, ok := inst.Command.(*instructions.OnbuildCommand); !ok {
				got = append(got, inst.Text)
			}
		}
	}
	if s := strings.Join(got, "|"); s != "RUN one|COPY x /|RUN two|RUN three" {
		t.Errorf("got %s", s)
	}
	if first := d.Stages[1].Instructions[0]; first.Line != 2 || first.Stage != d.Stages[1] {
		t.Errorf("the trigger stands on line %d of %v", first.Line, first.Stage)
	}
}

func TestErrors(t *testing.T) {
	for src, line := range map[string]int{"FROM a\nNOPE\n": 2, "FROM a\nRUN <<E\nx\n": 2, "FROM $X-\n": 0, "ARG A\n": 0, "FROM a\nCOPY --from=7 a b\n": 2, "": 0} {
		_, err := Parse("Dockerfile", []byte(src), Options{})
		var pe *Error
		if line == 0 && err == nil {
			continue
		}
		if !errors.As(err, &pe) || pe.Line != line {
			t.Errorf("%q: %v, want an error on line %d", src, err, line)
		}
	}
	_, err := Parse("Dockerfile", []byte("FROM a AS b\n"), Options{Target: "c"})
	var ut *UnknownTargetError
	if !errors.As(err, &ut) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("unknown target: %v", err)
	}
}

func TestDevelopment(t *testing.T) {
	for name, want := range map[string]bool{"dev": true, "test": true, "app-dev": true, "ci": true, "local": true, "developer": false, "contest": false, "runtime": false, "": false} {
		if got := Development(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, src := range joins {
		f.Add([]byte(src), "")
	}
	f.Add([]byte("ARG A=${A:-$B}\nFROM ${A}x AS a\nFROM a\nCOPY --from=a . .\nONBUILD RUN x\n"), "a")
	f.Fuzz(func(t *testing.T, src []byte, target string) {
		d, err := Parse("Dockerfile", src, Options{Target: target})
		if err != nil {
			return
		}
		if d.Target == nil || !d.Target.Reached {
			t.Error("no judged stage")
		}
		for _, s := range d.Stages {
			if len(s.Chain()) > len(d.Stages) {
				t.Error("a chain longer than the file")
			}
		}
	})
}

// TestManyInstructions: what strangers write ends.
func TestManyInstructions(t *testing.T) {
	for name, src := range map[string]string{
		"more than the limit of 10000":           "FROM a\n" + strings.Repeat("RUN b\n", 10_000),
		"triggers of this file run more than":    "FROM a AS b\n" + strings.Repeat("ONBUILD RUN c\n", 200) + strings.Repeat("FROM b\n", 100),
		"1048577 bytes, more than the limit of ": strings.Repeat("#", 1<<20) + "\n",
	} {
		if _, err := Parse("Dockerfile", []byte(src), Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

// TestContexts: a named context stands in the place of an image and of a stage; what it is
// is not known unless it is an image.
func TestContexts(t *testing.T) {
	d, err := Parse("", []byte("FROM src AS a\nFROM python:3 AS b\nFROM a\nCOPY --from=tools / /\nCOPY --from=b / /\nCOPY --from=dir / /\n"), Options{
		Contexts: map[string]string{"src": "docker-image://debian:13", "python:3": "../dir", "tools": "docker-image://alpine:3", "b": "target:x", "dir": "./dir"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range d.Stages {
		got = append(got, s.Base+"/"+s.Root)
	}
	for _, e := range d.Target.Uses {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Image, " ", e.Stage != nil))
	}
	if s, want := strings.Join(got, "; "), "debian:13/debian:13; /; a/debian:13; FROM  true; COPY --from alpine:3 false; COPY --from  false; COPY --from  false"; s != want {
		t.Errorf("%s, want %s", s, want)
	}
}
