package config

import (
	"bytes"
	"path/filepath"

	"github.com/tareweight/tare/internal/checkout"
)

// Names are the names of the file: of a directory, the first that is there counts. A
// pyproject.toml counts where it has a table [tool.tare].
var Names = []string{".tare.yaml", ".tare.yml", project}

const project = "pyproject.toml"

// MaxSize is how many bytes the file may have.
const MaxSize = 1 << 20

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

// Counts reports whether the file of that name is a configuration, by its text.
func Counts(name string, text []byte) bool {
	return filepath.Base(name) != project || bytes.Contains(text, []byte("tool.tare"))
}
