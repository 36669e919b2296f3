// Package locks reads lock files: poetry.lock, uv.lock, pdm.lock, pylock.toml
// (PEP 751), Pipfile.lock, conda's environment.yml and conda-lock.
package locks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Limits of a lock file: its parsers take memory for each value, and time that grows with the
// square of the values of one line, and of the tables and keys of one package.
const (
	MaxSize   = 64 << 20 // bytes
	maxValues = 400_000  // commas and lines
	maxLine   = 64 << 10 // bytes of a line of TOML
	maxKeys   = 10_000   // tables and keys of a package, and of the file itself: old locks of poetry have each package's files there
)

// ErrTooLarge is a lock file that goes over a limit.
var ErrTooLarge = errors.New("the lock file is too large")

// bounds checks the limits of a text.
func bounds(kind Kind, text []byte) error {
	if len(text) > MaxSize {
		return fmt.Errorf("%w: %d bytes, more than the limit of %d", ErrTooLarge, len(text), MaxSize)
	}
	if n := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte(",")); n > maxValues {
		return fmt.Errorf("%w: %d lines and commas, more than the limit of %d", ErrTooLarge, n, maxValues)
	}
	if kind == Pipfile || kind == Environment || kind == CondaLock {
		return nil
	}
	n, keys := 0, 0
	for line := range bytes.Lines(text) {
		switch trimmed := bytes.TrimLeft(line, " \t"); {
		case bytes.HasPrefix(trimmed, []byte("[[")): // another package
			keys = 0
		case bytes.HasPrefix(trimmed, []byte("[")), bytes.IndexByte(line, '=') > 0:
			keys++
		}
		if keys > maxKeys {
			return fmt.Errorf("%w: line %d is behind more than %d tables and keys of one package", ErrTooLarge, n+1, maxKeys)
		}
		if n++; len(line) > maxLine {
			return fmt.Errorf("%w: line %d has %d bytes, more than the limit of %d", ErrTooLarge, n, len(line), maxLine)
		}
	}
	return nil
}

// A Kind is a format of lock files.
type Kind string

const (
	Poetry      Kind = "poetry.lock"
	UV          Kind = "uv.lock"
	PDM         Kind = "pdm.lock"
	Pylock      Kind = "pylock.toml"
	Pipfile     Kind = "Pipfile.lock"
	Environment Kind = "environment.yml"
	CondaLock   Kind = "conda-lock"
)

var (
	rePylock = regexp.MustCompile(`^pylock(\.[^.]+)?\.toml$`)
	reEnv    = regexp.MustCompile(`^(environment|env|conda-env|conda)([-_.][\w.-]*)?\.ya?ml$`)
	reConda  = regexp.MustCompile(`^conda-lock(\.[\w.-]*)?\.ya?ml$|^conda-[\w-]+\.lock$`)
)

// KindOf is the format of a file of that name, or "".
func KindOf(name string) Kind {
	base := path.Base(name)
	switch {
	case base == "poetry.lock", base == "uv.lock", base == "pdm.lock", base == "Pipfile.lock":
		return Kind(base)
	case strings.HasSuffix(base, ".py.lock"): // of a script, by uv
		return UV
	case rePylock.MatchString(base):
		return Pylock
	case reConda.MatchString(base):
		return CondaLock
	case reEnv.MatchString(base):
		return Environment
	}
	return ""
}

// A Lock is a lock file.
type Lock struct {
	Kind     Kind
	Packages []Package // in the file's order
}

// A Package is one entry of a lock.
type Package struct {
	Name    string
	Version string // "" where the source decides it
	Spec    string // of environment.yml: as written
	Line    int    // 1-based; 0 if unknown
	Hashes  []string
	Groups  []string // groups or extras that it belongs to, where the file says so
	Marker  string
	Source  Source
	Conda   bool // of a conda channel
}

// A Source is where a package comes from.
type Source struct {
	Type   string // "registry", "git", "url", "directory", "virtual"; "" is the index
	URL    string
	Commit string // of git: what was resolved
}

// Read reads a lock of that kind. The error names the line where the format
// tells it.
func Read(kind Kind, text []byte) (*Lock, error) {
	if err := bounds(kind, text); err != nil {
		return nil, err
	}
	l := &Lock{Kind: kind}
	var err error
	switch kind {
	case Pipfile:
		err = l.pipfile(text)
	case Environment:
		err = l.environment(text)
	case CondaLock:
		err = l.condaLock(text)
	default:
		err = l.toml(text)
	}
	return l, err
}

// file is one [[package.files]] or [[packages.wheels]] of any of the formats.
type file struct {
	Hash   string            `toml:"hash"`
	Hashes map[string]string `toml:"hashes"`
}

func (f file) all() (out []string) {
	if f.Hash != "" {
		out = append(out, f.Hash)
	}
	for algorithm, digest := range f.Hashes {
		out = append(out, algorithm+":"+digest)
	}
	return out
}

// entry is one package table of poetry.lock, uv.lock, pdm.lock or pylock.toml.
// What has several types over the formats and their versions is any.
type entry struct {
	Name     string
	Version  string
	Category string
	Optional bool
	Groups   []string
	Marker   any
	Markers  any
	Source   any
	Files    []file
	Wheels   []file
	Sdist    *file
	Archive  *file
	VCS      map[string]any
	Dir      map[string]any `toml:"directory"`
	Git      string
	Revision string
	Path     string
	URL      string
	Ref      string
}

// toml reads the formats that have one table for each package.
func (l *Lock) toml(text []byte) error {
	var doc struct {
		Package  []entry
		Packages []entry
		Metadata struct{ Files any }
	}
	if err := toml.Unmarshal(text, &doc); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			row, _ := de.Position()
			return fmt.Errorf("line %d: %w", row, err)
		}
		return err
	}
	header, list := "[[package]]", doc.Package
	if l.Kind == Pylock {
		header, list = "[[packages]]", doc.Packages
	}
	lines := headers(string(text), header)
	old, _ := doc.Metadata.Files.(map[string]any) // poetry before 1.3 kept hashes apart
	for i, e := range list {
		p := Package{Name: e.Name, Version: e.Version, Groups: e.Groups, Marker: asText(e.Marker), Source: e.source()}
		if p.Marker == "" {
			p.Marker = asText(e.Markers)
		}
		if e.Category != "" && len(p.Groups) == 0 {
			p.Groups = []string{e.Category}
		}
		if len(lines) == len(list) {
			p.Line = lines[i]
		}
		files := slices.Concat(e.Files, e.Wheels)
		for _, f := range []*file{e.Sdist, e.Archive} {
			if f != nil {
				files = append(files, *f)
			}
		}
		for _, f := range files {
			p.Hashes = append(p.Hashes, f.all()...)
		}
		if entries, ok := old[e.Name].([]any); ok && len(p.Hashes) == 0 {
			for _, x := range entries {
				if m, ok := x.(map[string]any); ok {
					p.Hashes = append(p.Hashes, asText(m["hash"]))
				}
			}
		}
		l.Packages = append(l.Packages, p)
	}
	return nil
}

// source reads where a package comes from.
func (e *entry) source() Source {
	switch s := e.Source.(type) {
	case map[string]any:
		if t := asText(s["type"]); t != "" { // poetry.lock
			return Source{Type: t, URL: asText(s["url"]), Commit: asText(s["resolved_reference"])}
		}
		for _, kind := range []string{"registry", "git", "url", "directory", "editable", "virtual", "path"} {
			if u, ok := s[kind].(string); ok { // uv.lock
				src := Source{Type: kind, URL: u}
				if kind == "git" {
					_, src.Commit, _ = strings.Cut(u, "#")
				}
				return src
			}
		}
	}
	switch {
	case e.Git != "": // pdm.lock
		return Source{Type: "git", URL: e.Git, Commit: e.Revision}
	case e.VCS != nil: // pylock.toml
		return Source{Type: asText(e.VCS["type"]), URL: asText(e.VCS["url"]), Commit: asText(e.VCS["commit-id"])}
	case e.Dir != nil || e.Path != "":
		return Source{Type: "directory", URL: e.Path}
	case e.URL != "":
		return Source{Type: "url", URL: e.URL}
	}
	return Source{}
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

// headers are the lines of a table's headers, those in multi-line strings left
// out as far as the count then agrees.
func headers(text, header string) (lines []int) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if strings.TrimSpace(line) == header {
			lines = append(lines, n)
		}
	}
	return lines
}

// pipfile reads Pipfile.lock: a section for each category.
func (l *Lock) pipfile(text []byte) error {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(text, &doc); err != nil {
		return jsonError(text, err)
	}
	at := keyLines(string(text))
	for _, section := range slices.Sorted(keys(doc)) {
		if section == "_meta" {
			continue
		}
		var packages map[string]struct {
			Version, Markers, Git, Ref, Path, File string
			Hashes                                 []string
		}
		if err := json.Unmarshal(doc[section], &packages); err != nil {
			return fmt.Errorf("section %q: %w", section, err)
		}
		for _, name := range slices.Sorted(keys(packages)) {
			e := packages[name]
			p := Package{
				Name:    name,
				Version: strings.TrimPrefix(e.Version, "=="),
				Hashes:  e.Hashes,
				Groups:  []string{section},
				Marker:  e.Markers,
				Line:    at[section+"\x00"+name],
			}
			switch {
			case e.Git != "":
				p.Source = Source{Type: "git", URL: e.Git, Commit: e.Ref}
			case e.Path != "":
				p.Source = Source{Type: "directory", URL: e.Path}
			case e.File != "":
				p.Source = Source{Type: "url", URL: e.File}
			}
			l.Packages = append(l.Packages, p)
		}
	}
	return nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func jsonError(text []byte, err error) error {
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return fmt.Errorf("line %d: %w", 1+strings.Count(string(text[:min(int(se.Offset), len(text))]), "\n"), err)
	}
	return err
}

var reKey = regexp.MustCompile(`^(\s*)"([^"]+)"\s*:\s*\{`)

// keyLines finds the lines of the second level's keys in JSON that is indented
// as pipenv writes it.
func keyLines(text string) map[string]int {
	lines := map[string]int{}
	n, section, indent := 0, "", ""
	for line := range strings.Lines(text) {
		n++
		m := reKey.FindStringSubmatch(line)
		switch {
		case m == nil:
		case section == "" || len(m[1]) <= len(indent):
			section, indent = m[2], m[1]
		default:
			if _, ok := lines[section+"\x00"+m[2]]; !ok {
				lines[section+"\x00"+m[2]] = n
			}
		}
	}
	return lines
}
