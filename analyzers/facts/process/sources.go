package process

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// sources are where the application's own Python lies: near the top, and deeper in directories that images keep their applications in.
func sources() (wants []analysis.Want) {
	for _, x := range []struct {
		dir   string
		depth int
	}{{"", 3}, {"app/", 6}, {"code/", 6}, {"src/", 6}, {"srv/", 6}, {"workspace/", 6}, {"home/*/", 6}, {"opt/*/", 6}, {"usr/src/*/", 6}} {
		for n := range x.depth {
			wants = append(wants, analysis.Want{Glob: x.dir + strings.Repeat("*/", n) + "*.py", Max: maxScript})
		}
	}
	return wants
}

// Sources are the application's own Python: what lies above the base, and is part of no interpreter and no installed
// distribution. Whole is false where some of it was not kept, and where there is none, as of an application that is a distribution: what
// it says is not known.
func Sources(im *analysis.Image) (list []*analysis.File, whole bool) {
	whole = true
	for name, f := range im.Files() {
		if !strings.HasSuffix(name, ".py") || f.Layer.Base || !f.Mode.IsRegular() || f.Size == 0 || reInstalled.MatchString(name) {
			continue
		}
		if f.Contents == nil {
			whole = false
			continue
		}
		list = append(list, f)
	}
	return list, whole && len(list) > 0
}

var reInstalled = regexp.MustCompile(`(?:^|/)(?:site-packages|dist-packages|lib(?:64)?/python3?[0-9.]*)/`)

// modelFiles are how files of models end, and leastModel how many bytes one has at least that counts.
var modelFiles = []string{".safetensors", ".gguf", ".onnx", ".pt"}

const leastModel = 100 << 20

// Model is the largest model that an image holds, and its path; nil if it holds none.
func Model(im *analysis.Image) (name string, largest *analysis.File) {
	for p, f := range im.Inodes() {
		if f.Size >= leastModel && slices.Contains(modelFiles, path.Ext(p)) && (largest == nil || f.Size > largest.Size) {
			name, largest = p, f
		}
	}
	return name, largest
}
