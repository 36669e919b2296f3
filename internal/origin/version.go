package origin

import (
	"regexp"
	"strings"
)

var rePython = regexp.MustCompile(`(?:^|/)python:v?(\d+(?:\.\d+)*)(?:[-@]|$)`)

// versionOf is the Python version that the tag of an official image names.
func versionOf(ref string) string {
	if m := rePython.FindStringSubmatch(ref); m != nil {
		return m[1]
	}
	return ""
}

func cut(s, prefix string) (string, bool) { return strings.CutPrefix(s, prefix) }

// hasVersion reports whether got is a version that a tag names: 3.11.7 is one
// of 3.11.
func hasVersion(got, tag string) bool { return got == tag || strings.HasPrefix(got, tag+".") }
