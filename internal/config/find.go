package config

import (
	"bytes"
	"path/filepath"
	"regexp"

	"github.com/tareweight/tare/internal/checkout"
)

// Names are the names of the file: of a directory, the first that is there counts. A
// pyproject.toml counts where it has a table [tool.tare].
var Names = []string{".tare.yaml", ".tare.yml", project}

const project = "pyproject.toml"

// Limits of a file in bytes. Of a pyproject.toml, which says much else, a larger one is not read:
// to read TOML takes the square of the keys that it has.
const (
	MaxSize    = 1 << 20
	maxProject = 256 << 10
)

// MaxSizeOf is how many bytes the file of that name may have.
func MaxSizeOf(name string) int64 {
	if filepath.Base(name) == project {
		return maxProject
	}
	return MaxSize
}

// Directories are dir and those above it, up to the root of the repository, the
// outermost first, as absolute paths.
func Directories(root *checkout.Root, dir string) (dirs []string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	for {
		if _, err := root.Rel(dir); err != nil {
			return dirs
		}
		dirs = append([]string{dir}, dirs...)
		if _, err := root.Stat(filepath.Join(dir, ".git")); err == nil {
			return dirs
		}
		dir = filepath.Dir(dir)
	}
}

var reTable = regexp.MustCompile(`(?m)^\s*\[+\s*tool\s*\.\s*tare\b`)

// Counts reports whether the file of that name is a configuration, by its text. A pyproject.toml
// that is no TOML is one if it looks so: its mistake is then said.
func Counts(name string, text []byte) bool {
	if filepath.Base(name) != project {
		return true
	}
	if !bytes.Contains(text, []byte("tare")) {
		return false
	}
	node, err := table(text, "tool", "tare")
	return node != nil || err != nil && reTable.Match(text)
}
