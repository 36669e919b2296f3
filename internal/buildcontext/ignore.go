package buildcontext

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/moby/patternmatcher"
)

// maxWork bounds what the patterns of a .dockerignore may cost: bytes of
// patterns with wildcards, times bytes of the paths that they are matched with.
// Real projects come to some millions; this many take about two seconds.
const maxWork = 400_000_000

// ignoring is a file system without what a .dockerignore leaves out.
type ignoring struct {
	fs.FS
	out    *patternmatcher.PatternMatcher
	weight int // bytes of patterns that are matched as expressions

	mu   sync.Mutex
	left int // of maxWork
	seen map[string]verdict
}

// A verdict is what the patterns say of one path.
type verdict struct {
	excluded bool
	parents  patternmatcher.MatchInfo
}

func ignore(files fs.FS, patterns []string) (fs.FS, error) {
	if len(patterns) == 0 {
		return files, nil
	}
	i := &ignoring{FS: files, left: maxWork, seen: map[string]verdict{}}
	for n, p := range patterns {
		for strings.Contains(p, "**/**") { // the same, and one part of an expression instead of many
			p = strings.ReplaceAll(p, "**/**", "**")
		}
		patterns[n] = p
		if strings.ContainsAny(strings.TrimPrefix(strings.TrimPrefix(p, "!"), "**/"), `*?[\`) {
			i.weight += len(p)
		}
	}
	var err error
	i.out, err = patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	return i, nil
}

// A WorkError says that a .dockerignore's patterns cost too much to be matched
// with one more path.
type WorkError struct{}

func (WorkError) Error() string {
	return fmt.Sprintf(
		"the patterns of .dockerignore take more work than the limit of %d: which files it leaves out is not known",
		maxWork,
	)
}

// excluded says whether name is left out. Each directory above it is looked at
// once.
func (i *ignoring) excluded(name string) (verdict, error) {
	if name == "." {
		return verdict{}, nil
	}
	if v, ok := i.seen[name]; ok {
		return v, nil
	}
	parent, err := i.excluded(path.Dir(name))
	if err != nil {
		return verdict{}, err
	}
	if i.left -= i.weight * len(name); i.left < 0 {
		return verdict{}, WorkError{}
	}
	out, info, err := i.out.MatchesUsingParentResults(name, parent.parents)
	v := verdict{out && err == nil, info}
	i.seen[name] = v
	return v, nil
}

// Open hides files that are left out. A directory that is left out may hold a
// file that a later pattern takes back ("!"), so it can be walked.
func (i *ignoring) Open(name string) (fs.File, error) {
	f, err := i.FS.Open(name)
	if err != nil {
		return f, err
	}
	i.mu.Lock()
	v, err := i.excluded(path.Clean(name))
	i.mu.Unlock()
	if err == nil && !v.excluded {
		return f, nil
	}
	if info, serr := f.Stat(); err == nil && serr == nil && info.IsDir() && i.out.Exclusions() {
		return f, nil
	}
	f.Close()
	if err == nil {
		err = fs.ErrNotExist
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: err}
}
