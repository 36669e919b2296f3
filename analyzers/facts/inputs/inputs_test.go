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

// TestWork: installs that are each looked for through as many copies end, and
// say why.
func TestWork(t *testing.T) {
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
