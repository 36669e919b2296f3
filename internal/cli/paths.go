package cli

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/tareweight/tare/internal/checkout"
)

// unlinked is a path of the checkout without the symbolic links on its way, so that the
// same file has the same configuration by every name.
func unlinked(root *checkout.Root, name string) string {
	top, err := filepath.EvalSymlinks(root.Dir())
	if err != nil {
		return name
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return name
	}
	rel, err := filepath.Rel(top, absolute(real))
	if err != nil || !filepath.IsLocal(rel) || filepath.Join(root.Dir(), rel) == absolute(name) {
		return name
	}
	return relative(filepath.Join(root.Dir(), rel))
}

// within reports whether the absolute path name is dir or below it.
func within(name, dir string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// relative is an absolute path, relative to the current directory where it is below it.
func relative(name string) string { return filepath.FromSlash(display(name)) }

func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// display is a path as the report writes it: relative to the current directory
// where it is in the same repository, with slashes.
func display(name string) string {
	if filepath.IsAbs(name) {
		if wd, err := os.Getwd(); err == nil {
			rel, err := filepath.Rel(wd, name)
			if err == nil && !filepath.IsLocal(rel) { // beside it, in the same repository
				if top, e := checkout.Top(wd); e != nil || !within(name, top) {
					err = checkout.ErrOutside
				}
			}
			if err == nil {
				name = rel
			}
		}
	}
	return path.Clean(filepath.ToSlash(name))
}

func absolute(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return abs
}
