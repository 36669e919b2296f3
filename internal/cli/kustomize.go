package cli

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/kubernetes"
)

// kustomized are files of a directory that kustomizations change before anybody runs them, by absolute path.
type kustomized struct {
	patches map[string]bool // that are parts of manifests: they are judged in what they change
	changed map[string]bool // manifests that are changed
}

func (k kustomized) isPatch(name string) bool { return len(k.patches) > 0 && k.patches[absolute(name)] }

// kustomizations reads those among files, and says which command applies them where they change something: Tare runs none.
func (fd *finder) kustomizations(root *checkout.Root, files []string) kustomized {
	all := map[string]*kubernetes.Kustomization{} // by directory
	for _, name := range files {
		if !slices.Contains(kubernetes.KustomizationNames, filepath.Base(name)) {
			continue
		}
		text, err := root.ReadFile(name, kubernetes.MaxKustomization)
		var k *kubernetes.Kustomization
		if err == nil {
			k, err = kubernetes.ParseKustomization(text)
		}
		if err != nil {
			fd.remarks = append(fd.remarks, fmt.Sprintf("%s is not read, and what it changes is judged as it lies there: %v", display(name), err))
			continue
		}
		all[absolute(filepath.Dir(name))] = k
	}
	out := kustomized{map[string]bool{}, map[string]bool{}}
	used := map[string]bool{} // directories that others are made of
	seen := map[string]bool{}
	var change func(dir string)
	change = func(dir string) {
		if k := all[dir]; k != nil && !seen[dir] {
			seen[dir] = true
			for _, part := range k.Parts {
				at := filepath.Join(dir, filepath.FromSlash(part))
				out.changed[at] = true
				change(at)
			}
		}
	}
	for dir, k := range all {
		for _, part := range k.Parts {
			used[filepath.Join(dir, filepath.FromSlash(part))] = true
		}
		for _, patch := range k.Patches {
			out.patches[filepath.Join(dir, filepath.FromSlash(patch))] = true
		}
		if k.Changes {
			change(dir)
		}
	}
	var ends []string
	for dir, k := range all {
		if k.Changes && k.Alone && !used[dir] {
			ends = append(ends, display(relative(dir)))
		}
	}
	if slices.Sort(ends); len(ends) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf(
			"%d %s manifests before they are run, and %s not built here: kustomize build DIR | tare check - (%s)",
			len(ends), number(len(ends), "kustomization changes", "kustomizations change"), number(len(ends), "is", "are"), analysis.And(ends, 3)))
	}
	return out
}
