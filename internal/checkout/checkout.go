// Package checkout opens the files of the repository that is checked. They come
// from strangers: what a symbolic link leads to outside of the repository is
// not read, nor what is no regular file, nor what is larger than its reader
// takes.
package checkout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Root is the top directory of what may be read: that of the git repository,
// or, outside of one, the directory that is checked.
type Root struct {
	dir  string // absolute
	root *os.Root
}

// ErrOutside is a path that is not below the root, or that a symbolic link
// leads out of it.
var ErrOutside = errors.New("it leads out of the directory that is checked: what lies outside is not read")

// ErrIrregular is a directory, a pipe, a socket or a device.
var ErrIrregular = errors.New("it is no regular file")

// A SizeError is a file that is larger than its reader takes.
type SizeError struct{ Size, Limit int64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("%d bytes, more than the limit of %d", e.Size, e.Limit)
}

// Top is the root of what the user named: a file or a directory, relative to the
// current directory. It is the top of the git repository that holds it. Outside
// of one it is the current directory, if name is below that and it is neither
// the file system's root nor the user's home, where everything would be inside;
// else the directory itself, or that of the file.
func Top(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	dir := abs
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		dir = filepath.Dir(abs)
	}
	if wd, err := os.Getwd(); err == nil && within(abs, wd) {
		if t := top(wd); t != "" {
			dir = t
		} else if home, _ := os.UserHomeDir(); top(dir) == "" && filepath.Dir(wd) != wd && wd != home {
			dir = wd
		} else if t := top(dir); t != "" {
			dir = t
		}
	} else if t := top(dir); t != "" {
		dir = t
	}
	return dir, nil
}

// Open opens a directory as a root, such as Top returned.
func Open(dir string) (*Root, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, plain(err)
	}
	return &Root{dir, root}, nil
}

// Find opens the root of what the user named.
func Find(name string) (*Root, error) {
	dir, err := Top(name)
	if err != nil {
		return nil, err
	}
	return Open(dir)
}

// top is the nearest directory at or above dir that holds a .git, or "". One
// that a symbolic link leads to counts only where there is none above the link:
// a link in a repository must not make another one the root.
func top(dir string) (best string) {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil && (best == "" || !within(real(best), real(dir))) {
			best = dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return best
		}
		dir = parent
	}
}

func real(dir string) string {
	if r, err := filepath.EvalSymlinks(dir); err == nil {
		return r
	}
	return dir
}

// within reports whether the absolute path name is dir or below it.
func within(name, dir string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// Close ends the use of the root, and of what OpenDir returned.
func (r *Root) Close() error { return r.root.Close() }

// Dir is the root's absolute path.
func (r *Root) Dir() string { return r.dir }

// Rel is the path of name below the root, with the system's separators. Name is
// absolute or relative to the current directory.
func (r *Root) Rel(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(r.dir, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", ErrOutside
	}
	return rel, nil
}

// Stat describes what name is, links followed as far as they stay below the
// root.
func (r *Root) Stat(name string) (fs.FileInfo, error) {
	rel, err := r.Rel(name)
	if err != nil {
		return nil, err
	}
	info, err := r.root.Stat(rel)
	return info, plain(err)
}

// IsRegular reports whether name is a regular file below the root.
func (r *Root) IsRegular(name string) bool {
	info, err := r.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// Open opens the regular file at name.
func (r *Root) Open(name string) (*os.File, error) {
	rel, err := r.Rel(name)
	if err != nil {
		return nil, err
	}
	f, err := OpenRegular(r.root, rel)
	return f, plain(err)
}

// ReadFile reads the regular file at name, of at most limit bytes. The error is
// a SizeError where it is larger.
func (r *Root) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadLimited(f, limit)
}

// OpenDir opens the directory at name as a root of its own, whose links cannot
// lead out of it.
func (r *Root) OpenDir(name string) (*os.Root, error) {
	rel, err := r.Rel(name)
	if err != nil {
		return nil, err
	}
	dir, err := r.root.OpenRoot(rel)
	return dir, plain(err)
}

// OpenRegular opens the file at rel below root. What is no regular file is
// refused before it is opened: opening a pipe waits for its other end, and
// opening a device may do anything.
func OpenRegular(root *os.Root, rel string) (*os.File, error) {
	info, err := root.Stat(rel)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: rel, Err: ErrIrregular}
	}
	return root.Open(rel)
}

// ReadLimited reads f, whose size is looked at before a byte is read: a sparse
// file of gigabytes takes a stranger no effort.
func ReadLimited(f fs.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err)
	}
	if info.Size() > limit {
		return nil, &SizeError{info.Size(), limit}
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit { // it grows, or is of a kind that has no size
		err = &SizeError{int64(len(b)), limit}
	}
	if err != nil {
		return nil, plain(err)
	}
	return b, nil
}

// plain is err without the path, which its reader names as the user wrote it.
func plain(err error) error {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err
	}
	if pe.Err.Error() == "path escapes from parent" { // os.Root's, which is not exported
		return ErrOutside
	}
	return pe.Err
}
