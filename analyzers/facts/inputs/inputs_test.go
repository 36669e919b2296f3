package inputs_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/internal/dockerfile"
)

// resolve finds the file behind each -r of the Dockerfile, several at once.
func resolve(t *testing.T, src string, files fstest.MapFS) []inputs.Source {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(src), dockerfile.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	target := &analysis.Target{Dockerfile: d, Files: files}
	pass, err := target.NewPass(&analysis.Analyzer{Needs: analysis.Needs{Facts: []analysis.AnyFact{inputs.Fact, shell.Fact}}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tree := inputs.Fact.Of(pass)
	var commands []*shell.Command
	for _, inst := range d.Target.Instructions {
		for _, c := range shell.Fact.Of(pass).Of(inst) {
			if len(c.Words) == 4 && c.Words[2].Text == "-r" {
				commands = append(commands, c)
			}
		}
	}
	found := make([]inputs.Source, len(commands))
	var wg sync.WaitGroup
	for i, c := range commands {
		wg.Go(func() { found[i] = tree.Resolve(c, c.Words[3].Text) })
	}
	wg.Wait()
	return found
}

// TestResolve: the last instruction that brings a file counts, before the
// command that reads it.
func TestResolve(t *testing.T) {
	found := resolve(t, `FROM python:3.14-slim
WORKDIR /app
COPY a.txt r.txt
RUN pip install -r r.txt
COPY b.txt r.txt
RUN pip install -r r.txt
RUN pip install -r none.txt
`, fstest.MapFS{"a.txt": {}, "b.txt": {}})
	if len(found) != 3 || found[0].Path != "a.txt" || found[1].Path != "b.txt" || found[2].Path != "" || !strings.Contains(found[2].Reason, "no instruction brings") {
		t.Errorf("%+v", found)
	}
}

// TestReasons: why a file is not found is true.
func TestReasons(t *testing.T) {
	for src, want := range map[string]string{
		"FROM x\nCOPY r.txt .\nRUN pip install -r /app/r.txt\n":                        "line 2 copies \"r.txt\" into a working directory that only the base image knows",
		"FROM x\nCOPY . .\nRUN pip install -r /app/r.txt\n":                            "line 2 copies \".\" into a working directory",
		"FROM x\nADD app.tar.gz /app/\nRUN pip install -r /app/r.txt\n":                "line 2 adds an archive, which is extracted and may hold it",
		"FROM x\nADD none.txt /app/r.txt\nRUN pip install -r /app/r.txt\n":             "no instruction brings",
		"FROM x\nADD https://example.com/r.txt /app/\nRUN pip install -r /app/r.txt\n": "line 2 brings it from \"https://example.com/r.txt\"",
		"FROM x\nARG D\nCOPY $D/r.txt /app/\nRUN pip install -r /app/r.txt\n":          "line 3 copies \"$D/r.txt\", whose variable has no value: --build-arg gives it one",
		"FROM x\nARG D\nWORKDIR $D\nCOPY r.txt .\nRUN pip install -r /app/r.txt\n":     "line 4 copies \"r.txt\" into a working directory",
	} {
		found := resolve(t, src, fstest.MapFS{"app.tar.gz": {}, "r.txt": {}})
		if len(found) != 1 || !strings.Contains(found[0].Reason, want) {
			t.Errorf("%q: %+v, want %q", src, found, want)
		}
	}
}

// TestWork: installs that are each looked for through as many copies end, and
// say why.
func TestWork(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the whole of a budget")
	}
	var b strings.Builder
	b.WriteString("FROM python:3.14-slim\nWORKDIR /app\n")
	files := fstest.MapFS{}
	for i := range 4900 {
		fmt.Fprintf(&b, "COPY f%d /app/x%d/\n", i, i)
		files[fmt.Sprintf("f%d", i)] = &fstest.MapFile{}
	}
	for i := range 4900 {
		fmt.Fprintf(&b, "RUN pip install -r r%d.txt\n", i)
	}
	start := time.Now()
	found := resolve(t, b.String(), files)
	if !slices.ContainsFunc(found, func(s inputs.Source) bool { return strings.Contains(s.Reason, "limit of 10000000") }) {
		t.Errorf("no limit is named: %+v", found[0])
	}
	if d := time.Since(start); d > 20*time.Second { // it took minutes
		t.Errorf("%v", d)
	}
}
