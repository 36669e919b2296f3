package buildcontext

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/dockerfile"
)

// maxSources is how many of the sources that a Dockerfile copies are looked for
// in each directory.
const maxSources = 200

// Dir is the directory that the Dockerfile at file is most likely built in: its
// own, unless that lacks some of what it copies and one above it, up to root,
// holds all of it, or, where its own holds none of it, half or three. Where none does, what
// is missed in its own is said.
func Dir(root *checkout.Root, file string, src []byte) string {
	own := filepath.Dir(file)
	sources := copied(src)
	sources = sources[:min(len(sources), maxSources)]
	if len(sources) == 0 {
		return own
	}
	here, half := -1, ""
	for dir := absolute(own); ; dir = filepath.Dir(dir) {
		if _, err := root.Rel(dir); err != nil {
			break
		}
		n := count(root, dir, sources)
		if n == len(sources) {
			return relative(dir, own)
		}
		if here < 0 {
			here = n
		}
		if half == "" && here == 0 && (2*n >= len(sources) || n >= 3) {
			half = relative(dir, own)
		}
	}
	return cmp.Or(half, own)
}

// relative writes the absolute path dir, which is own or above it, as own is
// written.
func relative(dir, own string) string {
	if filepath.IsAbs(own) {
		return dir
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, dir); err == nil {
			return rel
		}
	}
	return dir
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// count is how many of the sources dir holds.
func count(root *checkout.Root, dir string, sources []string) (n int) {
	below, err := root.OpenDir(dir)
	if err != nil {
		return 0
	}
	defer below.Close()
	for _, s := range sources {
		if present(below.FS(), s) {
			n++
		}
	}
	return n
}

// present reports whether the directory holds the source, as far as its first
// part with a wildcard: deeper ones are not looked for all over a tree.
func present(files fs.FS, source string) bool {
	at := "."
	for part := range strings.SplitSeq(source, "/") {
		if strings.ContainsAny(part, `*?[\`) {
			entries, _ := fs.ReadDir(files, at)
			return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
				ok, _ := path.Match(part, e.Name())
				return ok
			})
		}
		at = path.Join(at, part)
	}
	if !fs.ValidPath(at) {
		return false
	}
	_, err := fs.Lstat(files, at)
	return err == nil
}

// copied lists the sources that a Dockerfile takes from its build context,
// variables filled in; those with an unknown one are left out, and the whole context.
func copied(src []byte) []string {
	out, _ := Sources(src)
	return slices.DeleteFunc(out, func(s string) bool { return path.Clean("/"+s) == "/" })
}

// Sources lists what a Dockerfile takes from its build context, as it names it, variables
// filled in, sorted. Known is false where one of them is not known.
func Sources(src []byte) (out []string, known bool) {
	d, err := dockerfile.Parse("", src, dockerfile.Options{})
	if err != nil {
		return nil, false
	}
	known = true
	add := func(inst *analysis.Instruction, sources []string) {
		expand := inst.Expander()
		for _, s := range sources {
			if s, ok := expand(s); ok {
				out = append(out, s)
			} else {
				known = false
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
					if m.Type == instructions.MountTypeBind && m.From == "" {
						add(inst, []string{cmp.Or(m.Source, ".")})
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool {
		return strings.Contains(s, "://") || !filepath.IsLocal("./"+strings.TrimLeft(s, "/"))
	}), known
}
