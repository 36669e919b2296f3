// Package ignore says which findings do not count, because somebody accepts them: by a
// comment where they stand, or by an entry of the configuration.
package ignore

import (
	"fmt"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/tareweight/tare/analyzers/analysis"
)

// An Ignore is one comment or one entry.
type Ignore struct {
	Path    string    // of the file that holds it, as the report names it
	Line    int       // of it in that file
	Names   []string  // of rules and of checks, as it has them
	Until   time.Time // the last day on which it counts; zero: there is none
	Reason  string
	Broken  string // why it does not count, and what to write; "" if it does
	Foreign bool   // it is another tool's comment: nothing is asked of it

	First, Last int // of a comment: the lines of Path that it is about, inclusive

	// Configured says that it is an entry of the configuration: it is then about what
	// its globs name. A nil glob, or no pattern, names everything.
	Configured   bool
	File, Images *Glob
	Package      string // a pattern as path.Match reads it
}

// Over reports whether the last day is over on a day.
func (g *Ignore) Over(day time.Time) bool { return !g.Until.IsZero() && day.After(g.Until) }

// Covers reports whether g names the rule of the finding f, by its own name or that of
// its check, for what the finding is about; the name is how. Of several packages that the
// finding is about, an entry with a pattern of packages may name one alone: see About.
// Dockerfile and image are those of the target, "" where it has none.
func (g *Ignore) Covers(f analysis.Finding, check, dockerfile, image string) (name string, ok bool) {
	if g.Broken != "" {
		return "", false
	}
	if g.Configured && !g.scope(f, dockerfile, image) || !g.Configured && !g.lines(f.Location) {
		return "", false
	}
	for _, name := range []string{f.Rule.ID, check} {
		if slices.Contains(g.Names, name) {
			return name, true
		}
	}
	return "", false
}

// lines reports whether a comment is about what stands at a place.
func (g *Ignore) lines(at analysis.Location) bool {
	switch {
	case at.Layer != nil, at.Path != g.Path, g.Last == 0:
		return false
	case at.Line == 0: // the whole file
		return g.Last == math.MaxInt
	}
	return at.Line >= g.First && at.Line <= g.Last
}

// scope reports whether an entry is about a finding. What is found in the image is of
// its Dockerfile, too.
func (g *Ignore) scope(f analysis.Finding, dockerfile, image string) bool {
	file := f.Location.Path
	if f.Location.Layer != nil || file == "" {
		file = dockerfile
	}
	switch {
	case g.File != nil && (file == "" || !g.File.Path(file)),
		g.Images != nil && (image == "" || !g.Images.Match(image)),
		g.Package != "" && len(f.Packages) == 0:
		return false
	}
	return g.Package == "" || slices.ContainsFunc(f.Packages, g.About)
}

// About reports whether an entry's pattern names a package. Names are compared as PyPI does it:
// letters in lower case, and "-", "_" and "." the same.
func (g *Ignore) About(name string) bool {
	ok, err := path.Match(normalized(g.Package), normalized(name))
	return ok && err == nil
}

var separators = regexp.MustCompile(`[-_.]+`)

// normalized is a name, or a pattern of names, as PEP 503 has it.
func normalized(name string) string { return separators.ReplaceAllString(strings.ToLower(name), "-") }

// A Glob is a pattern as .dockerignore has them: "*" is a part of a name, "**" any
// directories, and a directory stands for all that is below it.
type Glob struct {
	text, dir string
	match     *patternmatcher.PatternMatcher

	mu   sync.Mutex
	last string // the last name that was matched, as findings come file by file
	said bool   // what of it was said
}

// NewGlob reads a pattern, whose paths are relative to dir.
func NewGlob(text, dir string) (*Glob, error) {
	if strings.HasPrefix(text, "!") || strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%q is no pattern: want a path such as %q", text, "services/*/requirements.txt")
	}
	m, err := patternmatcher.New([]string{strings.TrimPrefix(path.Clean(text), "/")}) // as .dockerignore has it
	if err == nil {
		_, err = m.MatchesOrParentMatches("x") // it is compiled at its first use
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no pattern: %w", text, err)
	}
	return &Glob{text: text, dir: dir, match: m}, nil
}

// String is the pattern as it was written.
func (g *Glob) String() string { return g.text }

// Match reports whether the pattern names name.
func (g *Glob) Match(name string) bool {
	ok, err := g.match.MatchesOrParentMatches(name)
	return ok && err == nil
}

// Path reports whether the pattern names the file at name, which is relative to the
// current directory, or absolute.
func (g *Glob) Path(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if name == g.last {
		return g.said
	}
	g.last, g.said = name, false
	if abs, err := filepath.Abs(filepath.FromSlash(name)); err == nil {
		rel, err := filepath.Rel(g.dir, abs)
		g.said = err == nil && filepath.IsLocal(rel) && g.Match(filepath.ToSlash(rel))
	}
	return g.said
}
