package process

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Sources are the application's own Python: what lies above the base, and is part of no interpreter and no installed
// distribution. Whole is false where some of it was not kept: what it says is not known.
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
	return list, whole
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
