package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/buildcontext"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/source"
)

// A score counts one label.
type score struct{ truePos, falsePos, falseNeg, rows, debatable int }

func (s *score) add(want, got bool) {
	s.rows++
	switch {
	case want && got:
		s.truePos++
	case got:
		s.falsePos++
	case want:
		s.falseNeg++
	}
}

func (s *score) String() string {
	ratio := func(a, b int) string {
		if a+b == 0 {
			return "  -  "
		}
		return fmt.Sprintf("%5.1f", 100*float64(a)/float64(a+b))
	}
	return fmt.Sprintf("precision %s %%  recall %s %%  (%d answers)", ratio(s.truePos, s.falsePos),
		ratio(s.truePos, s.falseNeg), s.rows)
}

// dockerfileNames lists the Dockerfiles of the corpus.
func dockerfileNames(dir string) (names []string, err error) {
	f, err := os.ReadFile(path.Join(dir, "ORACLE_dockerfiles.jsonl"))
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(f)); dec.More(); {
		var row struct{ File string }
		if err := dec.Decode(&row); err != nil {
			return nil, err
		}
		names = append(names, row.File)
	}
	return names, nil
}

// contextOf opens the build context of a Dockerfile of a repository, and says which
// directory it is.
func contextOf(repo, file string, src []byte) (fs.FS, string, error) {
	root, err := checkout.Open(repo)
	if err != nil {
		return nil, "", err
	}
	where := buildcontext.Dir(root, file, src)
	files, err := buildcontext.Open(root, where, file)
	return files, where, err
}

// judge runs Tare over one Dockerfile, as the last stage is judged.
func judge(dir, name string) (*driver.Result, error) {
	src, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name)
	repo, _, _ := strings.Cut(name, "/")
	files, where, err := contextOf(filepath.Join(dir, repo), file, src)
	if err != nil {
		return nil, err
	}
	t := driver.Target{
		Name:       name,
		Path:       name,
		Dockerfile: src,
		Context:    files,
		ContextDir: where,
		Build:      dockerfile.Options{Platform: "linux/amd64", BuildPlatform: "linux/amd64"},
	}
	return driver.Check(context.Background(), t,
		driver.Options{Analyzers: analyzers.All, Limits: source.DefaultLimits, Now: time.Now()})
}

// dockerfiles compares what Tare says of every Dockerfile with the labels, and
// the files that fail to parse with BuildKit's.
func dockerfiles(dir string) (wrong int, err error) {
	names, err := dockerfileNames(dir)
	if err != nil {
		return 0, err
	}
	results := map[string]*driver.Result{}
	rules := map[string]int{}
	start := time.Now()
	for _, name := range names {
		res, err := judge(dir, name)
		if err != nil {
			return 0, err
		}
		results[name] = res
		if parses(dir, name) != (res.Dockerfile != nil) {
			wrong++
			fmt.Printf("%s: BuildKit parses it: %v, tare: %v\n", name, parses(dir, name), res.Errors)
		}
		for _, found := range res.Findings {
			rules[found.Rule.ID]++
		}
	}
	fmt.Printf("dockerfiles: %d files, %.1f ms each\n", len(results),
		float64(time.Since(start).Microseconds())/1000/float64(len(results)))
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		fmt.Printf("  %-28s %d\n", id, rules[id])
	}
	n, err := labels(dir, results)
	return wrong + n, err
}

// parses is BuildKit's own verdict, without a build.
func parses(dir, name string) bool {
	src, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return false
	}
	tree, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return false
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	return err == nil && len(stages) > 0
}

var rePipLine = regexp.MustCompile(`(\d+)([fbu])`)

// labels compares the results with LABELS.tsv, each disagreement on a line.
func labels(dir string, results map[string]*driver.Result) (wrong int, err error) {
	text, err := os.ReadFile(path.Join(dir, "LABELS.tsv"))
	if err != nil {
		return 0, err
	}
	scores := map[string]*score{}
	names := []string{"multi_stage", "final_base", "slim_base", "toolchain_in_final", "unpinned_pip"}
	for _, n := range names {
		scores[n] = &score{}
	}
	for i, row := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		c := strings.Split(row, "\t")
		if i == 0 || len(c) < 8 {
			continue
		}
		res := results[c[0]]
		if res == nil {
			return 0, fmt.Errorf("LABELS.tsv names %q, which is not there", c[0])
		}
		debatable := strings.Contains(c[5]+c[7], "debatable")
		disagree := func(label, want, got string) {
			mark := ""
			if debatable {
				mark = " (debatable)"
				scores[label].debatable++
			} else {
				wrong++
			}
			fmt.Printf("%s: %s: label %q, tare %q%s\n", c[0], label, want, got, mark)
		}
		d := res.Dockerfile
		if d == nil {
			if c[1] != "unparseable" {
				wrong++
				fmt.Printf("%s: has labels and does not parse: %v\n", c[0], res.Errors)
			}
			continue
		}
		root := d.Chain()[0]
		base := bases.Lookup(root.Root)
		found := func(rule string) (out []analysis.Finding) {
			for _, f := range res.Findings {
				if f.Rule.ID == rule {
					out = append(out, f)
				}
			}
			return out
		}
		yn := func(b bool) string {
			if b {
				return "y"
			}
			return "n"
		}
		multi := slices.ContainsFunc(d.Target.Uses, func(e analysis.Edge) bool { return e.Stage != nil })
		for _, s := range d.Chain() {
			multi = multi || slices.ContainsFunc(s.Uses, func(e analysis.Edge) bool { return e.Stage != nil })
		}
		scores["multi_stage"].add(c[1] == "y", multi)
		if c[1] != yn(multi) {
			disagree("multi_stage", c[1], yn(multi))
		}
		got := root.Root
		if got == "" {
			got = "(unknown)"
		}
		want := c[2]
		if strings.Contains(want, "unresolved") {
			want = "(unknown)"
		}
		scores["final_base"].add(true, got == want)
		if got != want {
			disagree("final_base", want, got)
		}
		slim := "na"
		if base.Slim {
			slim = "y"
		} else if base.Full {
			slim = "n"
		}
		scores["slim_base"].add(c[3] == "n", slim == "n")
		if slim != c[3] {
			disagree("slim_base", c[3], slim)
		}
		tool := yn(len(found("toolchain-installed")) > 0 || base.Compiler && base.Full)
		scores["toolchain_in_final"].add(c[4] == "y", tool == "y")
		if tool != c[4] {
			disagree("toolchain_in_final", c[4], tool)
		}
		lines := map[int]bool{}
		for _, m := range rePipLine.FindAllStringSubmatch(c[6], -1) {
			if m[2] != "u" {
				n, _ := strconv.Atoi(m[1])
				lines[n] = true
			}
		}
		have := map[int]bool{}
		for _, rule := range []string{"pinned-inline", "pinned-installer"} {
			for _, f := range found(rule) {
				if strings.Contains(f.Message, "of pip") || strings.Contains(f.Message, "of uv pip") {
					have[f.Location.Line] = true
				}
			}
		}
		for n := range lines {
			scores["unpinned_pip"].add(true, have[n])
			if !have[n] {
				disagree("unpinned_pip", fmt.Sprintf("line %d", n), "nothing")
			}
		}
		for n := range have {
			if !lines[n] {
				scores["unpinned_pip"].add(false, true)
				disagree("unpinned_pip", "nothing", fmt.Sprintf("line %d", n))
			}
		}
	}
	for _, n := range names {
		fmt.Printf("%-20s %v, %d debatable disagreements\n", n, scores[n], scores[n].debatable)
	}
	return wrong, nil
}
