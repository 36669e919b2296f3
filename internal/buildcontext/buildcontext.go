// Package buildcontext opens the files that an image is built from: a directory
// without what its .dockerignore leaves out.
package buildcontext

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher/ignorefile"

	"github.com/tareweight/tare/internal/checkout"
)

// Open opens dir, which is below root, as the build context of the Dockerfile
// at file: what links lead out of it, and what .dockerignore, or
// FILE.dockerignore in its place, leaves out, is not there. File may be "".
func Open(root *checkout.Root, dir, file string) (fs.FS, error) {
	below, err := root.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	files := &regularFS{below.FS(), below}
	text, name := []byte(nil), file+".dockerignore"
	if file != "" {
		text, err = root.ReadFile(name, maxIgnore)
	}
	if file == "" || errors.Is(err, fs.ErrNotExist) {
		name = filepath.Join(dir, ".dockerignore")
		text, err = root.ReadFile(name, maxIgnore)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return files, nil
	case err != nil:
		return nil, fmt.Errorf("read %q: %w", filepath.ToSlash(name), err)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", filepath.ToSlash(name), err)
	}
	return ignore(files, patterns)
}

// maxIgnore is how many bytes of a .dockerignore are read: each of its patterns
// is matched with each file.
const maxIgnore = 256 << 10

// regularFS is a directory without pipes, sockets and devices, which may be read
// without an end.
type regularFS struct {
	fs.FS
	root *os.Root
}

func (r *regularFS) Open(name string) (fs.File, error) {
	if info, err := r.root.Stat(filepath.FromSlash(name)); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: checkout.ErrIrregular}
	}
	return r.FS.Open(name)
}
