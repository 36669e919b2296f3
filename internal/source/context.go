package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/dockerfile"
)

// Context opens dir as the build context of the Dockerfile at file: what links
// lead out of it, and what .dockerignore, or FILE.dockerignore in its place,
// leaves out, is not there. File may be "".
func Context(dir, file string) (fs.FS, error) {
	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	files := &regularFS{root.FS(), root}
	var patterns []string
	if info, err := os.Stat(file + ".dockerignore"); err == nil && file != "" && info.Mode().IsRegular() {
		f, err := os.Open(file + ".dockerignore")
		if err != nil {
			return nil, err
		}
		if patterns, err = ignored(f); err != nil {
			return nil, err
		}
	} else if f, err := files.Open(".dockerignore"); err == nil {
		if patterns, err = ignored(f); err != nil {
			return nil, err
		}
	}
	if len(patterns) == 0 {
		return files, nil
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	return &ignoring{files, m}, nil
}

// maxIgnore is how many bytes of a .dockerignore are read: each of its patterns
// is matched with each file.
const maxIgnore = 256 << 10

// ignored reads the patterns of a .dockerignore, and closes it.
func ignored(f io.ReadCloser) ([]string, error) {
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIgnore+1))
	if err == nil && len(text) > maxIgnore {
		err = fmt.Errorf(".dockerignore: more than the limit of %d bytes", maxIgnore)
	}
	if err != nil {
		return nil, err
	}
	return ignorefile.ReadAll(bytes.NewReader(text))
}

// regularFS is a directory without pipes, sockets and devices, which may be read
// without an end.
type regularFS struct {
	fs.FS
	root *os.Root
}

func (r *regularFS) Open(name string) (fs.File, error) {
	if info, err := r.root.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it is no regular file")}
	}
	return r.FS.Open(name)
}

// ignoring is a file system without what a .dockerignore leaves out.
type ignoring struct {
	fs.FS
	out *patternmatcher.PatternMatcher
}

func (i *ignoring) excluded(name string) bool {
	if name == "." {
		return false
	}
	ok, err := i.out.MatchesOrParentMatches(filepath.FromSlash(name))
	return ok && err == nil
}

// Open hides files that are left out. A directory that is left out may hold a
// file that a later pattern takes back ("!"), so it can be walked.
func (i *ignoring) Open(name string) (fs.File, error) {
	f, err := i.FS.Open(name)
	if err != nil || !i.excluded(name) {
		return f, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() && i.out.Exclusions() {
		return f, nil
	}
	f.Close()
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ContextDir is the directory that the Dockerfile at file is most likely built
// in: its own, or one above it up to root, whichever holds the most of what it
// copies; the lowest of equals.
func ContextDir(file, root string, src []byte) string {
	sources := copied(src)
	best, most := filepath.Dir(file), -1
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		n := 0
		for _, s := range sources {
			if present(dir, s) {
				n++
			}
		}
		if n > most {
			best, most = dir, n
		}
		if filepath.Dir(dir) == dir || same(dir, root) {
			return best
		}
	}
}

// present reports whether dir holds the source, as far as its first part with a
// wildcard: deeper ones are not looked for all over a tree.
func present(dir, source string) bool {
	at := dir
	for part := range strings.SplitSeq(source, "/") {
		at = filepath.Join(at, part)
		if strings.ContainsAny(part, `*?[\`) {
			matches, _ := fs.Glob(os.DirFS(filepath.Dir(at)), part)
			return len(matches) > 0
		}
	}
	_, err := os.Lstat(at)
	return err == nil
}

func same(a, b string) bool {
	x, err1 := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && x == y
}

// copied lists the sources that a Dockerfile takes from its build context,
// variables filled in; those with an unknown one are left out.
func copied(src []byte) (out []string) {
	d, err := dockerfile.Parse("", src, dockerfile.Options{})
	if err != nil {
		return nil
	}
	add := func(inst *analysis.Instruction, sources []string) {
		expand := inst.Expander()
		for _, s := range sources {
			if s, known := expand(s); known {
				out = append(out, s)
			}
		}
	}
	for _, s := range d.Stages {
		for _, inst := range s.Instructions {
			switch c := inst.Command.(type) {
			case *instructions.CopyCommand:
				if c.From == "" {
					add(inst, c.SourcePaths)
				}
			case *instructions.AddCommand:
				add(inst, c.SourcePaths)
			case *instructions.RunCommand:
				for _, m := range instructions.GetMounts(c) {
					if m.Type == instructions.MountTypeBind && m.From == "" && m.Source != "" {
						add(inst, []string{m.Source})
					}
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(s string) bool {
		return strings.Contains(s, "://") || path.Clean("/"+s) == "/" || !filepath.IsLocal(strings.TrimLeft(s, "/"))
	})
}
