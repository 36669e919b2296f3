package bases

import (
	_ "embed"
	"strings"
)

//go:embed official.tsv
var officialTable string

// officials are the names of the hub's official images.
var officials = func() map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(officialTable) {
		if !strings.HasPrefix(line, "#") {
			for _, name := range strings.Fields(line) {
				names[name] = true
			}
		}
	}
	return names
}()

// IsOfficial reports whether a name, the last part of a repository, is that of one of the hub's official images: of those there are
// mirrors, and others publish their own under the same name.
func IsOfficial(name string) bool { return officials[name] }
