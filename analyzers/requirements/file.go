// Package requirements reads requirement files as pip reads them
// (pip's documentation, "Requirements File Format"; checked against pip 23.2
// and 24): encodings, continuations, comments, options, includes, and each
// requirement with its line.
package requirements

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"

	"github.com/tareweight/tare/analyzers/python"
	"github.com/tareweight/tare/analyzers/redact"
)

// Limits of what is read of files that strangers write.
const (
	MaxSize     = 4 << 20 // bytes of a file
	MaxIncludes = 100     // files that one file includes, directly or not
	maxTotal    = MaxSize // bytes of all of them
	maxLines    = 20_000  // logical lines of all of them: the largest real ones have a few thousand
	maxInvalid  = 1000    // of them that pip rejects
	maxDepth    = 30
)

// A File is a requirements file and all that it includes.
type File struct {
	Path         string
	Requirements []*Requirement // in pip's order, those of included files in their place
	Invalid      []Invalid      // lines that pip rejects: it stops at the first
	Undecided    []Undecided    // includes that cannot be read here
	Included     []string       // the paths of the files it includes, itself first

	RequireHashes bool // --require-hashes stands in it
	NoIndex       bool // --no-index
	FindLinks     []string
}

// A Requirement is one line of a file.
type Requirement struct {
	Path       string // of the file it stands in
	Line, End  int    // 1-based, inclusive
	Text       string // the requirement, its options cut off
	Name       string // as written; "" for a path or URL without one
	Specifier  python.Specifier
	Marker     *python.Marker
	Class      Class
	URL        string   // of a URL or VCS requirement
	Hashes     []string // of --hash, as algorithm:digest
	Editable   bool
	Constraint bool // it came through -c: it pins, but installs nothing
	Exact      bool // see Class
	Pinned     bool // an exact constraint of the same name is in force
}

// A Class says what kind of requirement it is.
type Class string

// The classes. A requirement is exact if it is Pinned by a version of PEP 440,
// URLHash or VCSCommit.
const (
	Pinned    Class = "pinned"     // one == without a wildcard, or one ===
	Multi     Class = "multi"      // two of them, which exclude each other
	Wildcard  Class = "wildcard"   // ==1.*
	Range     Class = "range"      // other comparisons
	Bare      Class = "bare"       // a name alone
	URLHash   Class = "url-hash"   // an archive with its hash
	URLNoHash Class = "url-nohash" // an archive without one
	VCSCommit Class = "vcs-commit" // a full commit
	VCSRef    Class = "vcs-ref"    // a tag, a branch, a short commit
	VCSNoRef  Class = "vcs-noref"  // whatever is there
	Local     Class = "local"      // a path: pinned by the build context
)

// An Invalid is a line that pip rejects.
type Invalid struct {
	Path   string
	Line   int
	Text   string
	Reason string
	Absent bool // only because a path is not there, or holds no project, where the file lies: pip may run elsewhere
}

// An Undecided is an include that is not read here.
type Undecided struct {
	Path   string
	Line   int
	Reason string
}

// Read reads the file at name of fsys and what it includes. The error is that
// the file itself cannot be read or decoded; what is wrong in it is part of
// the File. Locate, if it is not nil, finds what -r or -c of the file called from
// names as target; "" is beside that file.
func Read(fsys fs.FS, name string, locate func(from, target string) string) (*File, error) {
	f := &File{Path: name}
	r := &reader{file: f, fsys: fsys, locate: locate}
	if err := r.read(name, false); err != nil {
		return nil, err
	}
	f.constrain()
	return f, nil
}

// Parse reads a text as the file called name, which includes nothing that can
// be read.
func Parse(name string, content []byte) (*File, error) {
	f := &File{Path: name, Included: []string{name}}
	r := &reader{file: f}
	if err := r.parse(name, content, false); err != nil {
		return nil, err
	}
	f.constrain()
	return f, nil
}

// constrain marks what exact constraints pin.
func (f *File) constrain() {
	pins := map[string]bool{}
	for _, r := range f.Requirements {
		if r.Constraint && r.Exact && r.Name != "" {
			pins[python.NormalizeName(r.Name)] = true
		}
	}
	for _, r := range f.Requirements {
		r.Pinned = !r.Constraint && r.URL == "" && r.Name != "" && pins[python.NormalizeName(r.Name)]
	}
}

// A reader reads one file and what it includes.
type reader struct {
	file   *File
	fsys   fs.FS
	locate func(from, target string) string
	stack  []string // the files that are being read
	total  int64    // bytes that were read
	lines  int      // logical lines that were read
}

// ErrTooLarge is a file of more bytes than are read.
var ErrTooLarge = errors.New("the file is too large")

func (r *reader) read(name string, constraint bool) error {
	info, err := fs.Stat(r.fsys, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%q is a directory", name)
	}
	if info.Size() > MaxSize {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, info.Size(), MaxSize)
	}
	if r.total += info.Size(); r.total > maxTotal {
		return fmt.Errorf("%w: with the files before it %d bytes, limit %d", ErrTooLarge, r.total, maxTotal)
	}
	content, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		return err
	}
	r.file.Included = append(r.file.Included, name)
	r.stack = append(r.stack, name)
	err = r.parse(name, content, constraint)
	r.stack = r.stack[:len(r.stack)-1]
	return err
}

// parse reads the lines of one file. The error is one of its encoding.
func (r *reader) parse(name string, content []byte, constraint bool) error {
	text, err := decode(content)
	if err != nil {
		return err
	}
	for l := range logical(text) {
		if r.lines++; r.lines > maxLines || len(r.file.Invalid) == maxInvalid {
			reason := fmt.Sprintf("the lines from here on are not read: they are more than the limit of %d", maxLines)
			if r.lines <= maxLines {
				reason = fmt.Sprintf("the lines from here on are not read: pip rejects %d before them", maxInvalid)
			}
			r.file.Undecided = append(r.file.Undecided, Undecided{Path: name, Line: l.number, Reason: reason})
			break
		}
		if err := r.line(name, l, constraint); err != nil {
			r.file.Invalid = append(r.file.Invalid,
				Invalid{Path: name, Line: l.number, Text: l.text, Reason: err.Error(), Absent: errors.As(err, new(*absentError))})
		}
	}
	return nil
}

func (r *reader) line(name string, l line, constraint bool) error {
	args, optionText := breakOptions(l.text)
	opts, err := parseOptions(optionText)
	if err != nil {
		return err
	}
	switch {
	case args != "":
		req, err := r.requirement(args, name)
		if err != nil {
			return err
		}
		req.Hashes = opts.hashes
		r.add(req, name, l, constraint)
	case len(opts.editable) > 0:
		req, err := r.editable(opts.editable[0], name)
		if err != nil {
			return err
		}
		r.add(req, name, l, constraint)
	case len(opts.requirements) > 0:
		return r.include(opts.requirements[0], name, l, false)
	case len(opts.constraints) > 0:
		return r.include(opts.constraints[0], name, l, true)
	default:
		r.file.RequireHashes = r.file.RequireHashes || opts.requireHashes
		r.file.NoIndex = r.file.NoIndex || opts.noIndex
		r.file.FindLinks = append(r.file.FindLinks, opts.findLinks...)
	}
	return nil
}

func (r *reader) add(req *Requirement, name string, l line, constraint bool) {
	req.Path, req.Line, req.End, req.Constraint = name, l.number, l.end, constraint
	req.settle()
	r.file.Requirements = append(r.file.Requirements, req)
}

// settle decides whether the requirement is exact.
func (req *Requirement) settle() {
	if req.Class == URLNoHash && len(req.Hashes) > 0 {
		req.Class = URLHash
	}
	req.Exact = req.Class == URLHash || req.Class == VCSCommit || req.Class == Pinned && req.Specifier.Exact()
}

var fileScheme = regexp.MustCompile(`(?i)^(http|https|file):`)

// include reads a -r or -c of the file called from. A path is relative to that
// file.
func (r *reader) include(target, from string, l line, constraint bool) error {
	if fileScheme.MatchString(target) {
		r.file.Undecided = append(
			r.file.Undecided,
			Undecided{
				Path:   from,
				Line:   l.number,
				Reason: fmt.Sprintf("%q is not read: Tare opens no URL that a file names", redact.Credentials(target)),
			},
		)
		return nil
	}
	if r.fsys == nil {
		r.file.Undecided = append(r.file.Undecided,
			Undecided{Path: from, Line: l.number, Reason: fmt.Sprintf("%q cannot be read here", target)})
		return nil
	}
	name := ""
	if r.locate != nil {
		name = r.locate(from, target)
	}
	if name == "" && !path.IsAbs(target) {
		name = path.Join(path.Dir(from), target)
	}
	if name == "" || !fs.ValidPath(name) {
		r.file.Undecided = append(r.file.Undecided,
			Undecided{Path: from, Line: l.number, Reason: fmt.Sprintf("%q is outside the build context", target)})
		return nil
	}
	for _, open := range r.stack {
		if open == name {
			return fmt.Errorf("%q includes itself", name)
		}
	}
	if len(r.stack) >= maxDepth || len(r.file.Included) >= MaxIncludes {
		return fmt.Errorf("more than %d files are included, or more than %d deep", MaxIncludes, maxDepth)
	}
	if err := r.read(name, constraint); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return &absentError{fmt.Sprintf("cannot read %q: %v", target, unwrapPath(err))}
		}
		return fmt.Errorf("cannot read %q: %w", target, unwrapPath(err))
	}
	return nil
}

func unwrapPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
