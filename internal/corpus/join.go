package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/internal/dockerfile"
)

// join follows the -r and -c of every install to a file of the build context,
// and prints why one cannot be followed. Nothing of it is right or wrong: the
// corpus holds a part of each repository.
func join(dir string) (wrong int, err error) {
	names, err := dockerfileNames(dir)
	if err != nil {
		return 0, err
	}
	resolved, total := 0, 0
	for _, name := range names {
		file := filepath.Join(dir, name)
		src, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		d, err := dockerfile.Parse(name, src, dockerfile.Options{Platform: "linux/amd64"})
		if err != nil {
			continue
		}
		repo, _, _ := strings.Cut(name, "/")
		files, _, err := contextOf(path.Join(dir, repo), file, src)
		if err != nil {
			return 0, err
		}
		t := &analysis.Target{Dockerfile: d, Files: files}
		pass, err := t.NewPass(
			&analysis.Analyzer{Needs: analysis.Needs{Facts: []analysis.AnyFact{installs.Fact, inputs.Fact}}},
			nil,
			nil,
			nil,
		)
		if err != nil {
			return 0, err
		}
		for _, s := range d.Stages {
			for _, inst := range s.Instructions {
				for _, step := range installs.Fact.Of(pass).Of(inst) {
					if step.Kind != installs.Python {
						continue
					}
					for _, w := range append(step.Pip.Requirements, step.Pip.Constraints...) {
						total++
						why := "the name is not known"
						if w.Known {
							found := inputs.Fact.Of(pass).Resolve(step.Command, w.Text)
							if why = found.Reason; found.Path != "" {
								resolved++
								continue
							}
						}
						fmt.Printf("%s:%d: %s: %s\n", name, step.Line, w.Text, why)
					}
				}
			}
		}
	}
	fmt.Printf("join: %d of %d files behind -r and -c resolved\n", resolved, total)
	return 0, nil
}
