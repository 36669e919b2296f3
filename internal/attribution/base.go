package attribution

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Stands sets im's base to an image whose configuration is c, if all of its
// layers are the first of im's, and reports whether they are: a tag that moved
// shares some of them at most. Root is the stage that brought it; nil if
// unknown.
func Stands(im *analysis.Image, c *v1.ConfigFile, base analysis.Base, root *analysis.Stage) bool {
	n := len(c.RootFS.DiffIDs)
	if n == 0 || n > len(im.Layers) {
		return false
	}
	for i, id := range c.RootFS.DiffIDs {
		if im.Layers[i].DiffID != id.String() {
			return false
		}
	}
	base.Layers = n
	Begins(im, base, root)
	return true
}

// Begins sets im's base to one whose layers are the first of im's.
func Begins(im *analysis.Image, base analysis.Base, root *analysis.Stage) {
	for _, l := range im.Layers[:base.Layers] {
		l.Base, l.From = true, root
	}
	im.Base = base
}
