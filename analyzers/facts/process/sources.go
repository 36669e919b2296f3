package process

import (
	"regexp"
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
