package analysis

import (
	"path"
	"strings"
)

// Match reports whether the path p in an image is one that w names.
func (w Want) Match(p string) bool {
	rest, deep := strings.CutPrefix(w.Glob, "**/")
	if deep {
		for n := strings.Count(p, "/") - strings.Count(rest, "/"); n > 0; n-- {
			_, p, _ = strings.Cut(p, "/")
		}
	}
	ok, _ := path.Match(rest, p)
	return ok
}
