package requirements

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/python"
	"github.com/tareweight/tare/analyzers/redact"
)

var (
	urlScheme = regexp.MustCompile(`(?i)^(http|https|file|ftp)$`)
	extrasEnd = regexp.MustCompile(`^(.+)(\[[^\]]+\])$`)
	commit    = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
	urlHash   = regexp.MustCompile(`[#&](sha1|sha224|sha384|sha256|sha512|md5)=([0-9a-f]+)`)
	egg       = regexp.MustCompile(`[#&]egg=([^&]*)`)
	archive   = regexp.MustCompile(`(?i)\.(zip|whl|tar\.bz2|tbz|tar\.gz|tgz|tar|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)$`)
)

// isURL is pip's: a known scheme before the first colon.
func isURL(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && (urlScheme.MatchString(scheme) || isVCS(scheme))
}

// isVCS reports whether scheme is one of pip's version control systems.
func isVCS(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "git+http", "git+https", "git+ssh", "git+git", "git+file", "ssh", "git", "hg", "bzr", "sftp", "svn",
		"hg+file", "hg+http", "hg+https", "hg+ssh", "hg+static-http",
		"bzr+http", "bzr+https", "bzr+ssh", "bzr+sftp", "bzr+ftp", "bzr+lp", "bzr+file",
		"svn+ssh", "svn+http", "svn+https", "svn+svn", "svn+file":
		return true
	}
	return false
}

// ParseArgument reads one argument of pip install, or the requirement of a
// line of a file. Without files at hand, a path is taken to be there.
func ParseArgument(text string) (*Requirement, error) {
	req, err := (&reader{}).requirement(text, "")
	if err == nil {
		req.settle()
	}
	return req, err
}

// ParseEditable reads the value of pip's -e, without files at hand.
func ParseEditable(text string) (*Requirement, error) {
	req, err := (&reader{}).editable(text, "")
	if err == nil {
		req.settle()
	}
	return req, err
}

// requirement reads a requirement of the file called from: pip's
// parse_req_from_line.
func (r *reader) requirement(text, from string) (*Requirement, error) {
	req := &Requirement{Text: text}
	sep := ";"
	if isURL(text) {
		sep = "; "
	}
	name, marker, hasMarker := strings.Cut(text, sep)
	if marker = strings.TrimSpace(marker); hasMarker && marker != "" {
		m, err := python.ParseMarker(marker)
		if err != nil {
			return nil, err
		}
		req.Marker = m
	}
	name = strings.TrimSpace(name)
	if isURL(name) {
		return req, req.link(name)
	}
	bare := name
	if m := extrasEnd.FindStringSubmatch(name); m != nil {
		bare = m[1]
	}
	local, err := r.isLocal(name, bare, from)
	if err != nil {
		return nil, err
	}
	if local {
		req.Class = Local
		if strings.HasSuffix(strings.ToLower(bare), ".whl") {
			if parts := strings.Split(path.Base(bare), "-"); len(parts) >= 5 {
				req.Name = parts[0]
			}
		}
		return req, nil
	}
	p, err := python.ParseRequirement(name)
	if err != nil {
		if strings.Contains(name, "=") && !strings.ContainsAny(name, "<>!~") && !strings.Contains(name, "==") {
			return nil, fmt.Errorf("invalid requirement %q: %q is no operator, did you mean %q", name, "=", "==")
		}
		if strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
			return nil, &absentError{fmt.Sprintf("%q looks like a path, and is not there", name)}
		}
		return nil, fmt.Errorf("invalid requirement %q: %w", name, err)
	}
	for _, c := range p.Specifier {
		if strings.HasSuffix(c.Version, "]") {
			return nil, fmt.Errorf("invalid requirement %q: extras stand behind the name, not behind the version", name)
		}
	}
	req.Name, req.Specifier = p.Name, p.Specifier
	if p.Marker != nil {
		req.Marker = p.Marker
	}
	if p.URL != "" {
		named := req.Name
		err := req.link(p.URL)
		req.Name = named
		return req, err
	}
	req.Class = classOf(p.Specifier)
	return req, nil
}

func classOf(s python.Specifier) Class {
	pins, equals := 0, 0
	for _, c := range s {
		if c.Op == "==" {
			equals++
		}
		if c.Op == "===" || c.Op == "==" && !strings.HasSuffix(c.Version, ".*") {
			pins++
		}
	}
	switch {
	case pins == 1:
		return Pinned
	case pins > 1:
		return Multi
	case equals > 0:
		return Wildcard
	case len(s) > 0:
		return Range
	}
	return Bare
}

// link sets what a URL says.
func (req *Requirement) link(s string) error {
	req.URL = s
	scheme, rest, _ := strings.Cut(s, ":")
	rest, _, _ = strings.Cut(rest, "#") // not url.Parse: variables that pip expands stand in URLs
	rest, _, _ = strings.Cut(rest, "?")
	if _, p, ok := strings.Cut(strings.TrimPrefix(rest, "//"), "/"); ok {
		rest = p
	}
	if m := egg.FindStringSubmatch(s); m != nil {
		name, _ := url.PathUnescape(m[1])
		if m := extrasEnd.FindStringSubmatch(name); m != nil {
			name = m[1]
		}
		req.Name = name
	}
	if isVCS(scheme) {
		req.Class = VCSNoRef
		_, ref, ok := cutLast(rest, "@")
		if !ok {
			return nil
		}
		if ref == "" {
			return fmt.Errorf("the URL %q has an empty revision behind its %q", redact.Credentials(s), "@")
		}
		req.Class = VCSRef
		if commit.MatchString(ref) {
			req.Class = VCSCommit
		}
		return nil
	}
	if strings.EqualFold(scheme, "file") && !archive.MatchString(rest) {
		req.Class = Local
		return nil
	}
	if strings.HasSuffix(strings.ToLower(rest), ".whl") {
		base, _ := url.PathUnescape(path.Base(rest))
		parts := strings.Split(strings.TrimSuffix(base, ".whl"), "-")
		if len(parts) != 5 && len(parts) != 6 {
			return fmt.Errorf("%q is no name of a wheel", base)
		}
		req.Name = parts[0]
	}
	req.Class = URLNoHash
	if urlHash.MatchString(s) || addressed.MatchString(s) {
		req.Class = URLHash
	} else if strings.EqualFold(scheme, "file") {
		req.Class = Local
	}
	return nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// An absentError is a path that is not there, or a directory without a project.
type absentError struct{ text string }

func (e *absentError) Error() string { return e.text }

// isLocal reports whether name is a path: pip's _get_url_from_path. Bare is
// name without extras. The error is a directory that holds no project.
func (r *reader) isLocal(name, bare, from string) (bool, error) {
	pathLike := strings.Contains(name, "/") || strings.HasPrefix(name, ".")
	if pathLike {
		switch r.stat(bare, from) {
		case isProject:
			return true, nil
		case isDir:
			return false, &absentError{
				fmt.Sprintf("directory %q is not installable: it holds no setup.py and no pyproject.toml", name),
			}
		case isUnknown:
			if before, _, at := strings.Cut(name, "@"); !at || strings.Contains(before, "/") || strings.HasPrefix(before, ".") {
				return true, nil
			}
		}
	}
	if !archive.MatchString(bare) {
		return false, nil
	}
	if r.stat(bare, from) == isFile {
		return true, nil
	}
	before, _, at := strings.Cut(name, "@")
	return !at || strings.Contains(before, "/") || strings.HasPrefix(before, "."), nil
}

type found int

const (
	isMissing found = iota
	isFile
	isDir     // of something else than a project
	isProject // a directory with setup.py or pyproject.toml
	isUnknown // no file system at hand, or outside it
)

// stat looks for a path of the file called from: relative to that file's
// directory, or to the root. pip takes it relative to where it runs, which a
// file does not tell.
func (r *reader) stat(name, from string) found {
	if r.fsys == nil || path.IsAbs(name) {
		return isUnknown
	}
	result := isMissing
	for _, base := range []string{path.Dir(from), "."} {
		p := path.Join(base, name)
		if !fs.ValidPath(p) {
			result = max(result, isUnknown)
			continue
		}
		info, err := fs.Stat(r.fsys, p)
		switch {
		case err != nil:
		case !info.IsDir():
			return isFile
		default:
			for _, marker := range []string{"setup.py", "pyproject.toml"} {
				if _, err := fs.Stat(r.fsys, path.Join(p, marker)); err == nil {
					return isProject
				}
			}
			result = max(result, isDir)
		}
	}
	return result
}

// editable reads the value of -e: pip's parse_editable.
func (r *reader) editable(text, from string) (*Requirement, error) {
	req := &Requirement{Text: text, Editable: true, Class: Local}
	bare := text
	if m := extrasEnd.FindStringSubmatch(text); m != nil {
		bare = m[1]
	}
	switch r.stat(bare, from) {
	case isDir, isProject:
		return req, nil
	case isUnknown:
		if !strings.Contains(text, ":") {
			return req, nil
		}
	}
	if strings.HasPrefix(strings.ToLower(bare), "file:") {
		return req, nil
	}
	s := text
	for _, vcs := range []string{"git", "hg", "bzr", "svn"} {
		if strings.HasPrefix(strings.ToLower(s), vcs+":") {
			s = vcs + "+" + s
			break
		}
	}
	scheme, _, colon := strings.Cut(s, ":")
	if !colon {
		return nil, &absentError{fmt.Sprintf("%q is no directory of a project that is read, and no VCS URL: "+
			"pip looks for it where it runs; name the Dockerfile that runs it, or --context", text)}
	}
	if !isVCS(scheme) || !strings.Contains(s, ":") {
		return nil, fmt.Errorf("%q is not a valid editable requirement: want a path to a project, or a VCS URL",
			redact.Credentials(text))
	}
	if err := req.link(s); err != nil {
		return nil, err
	}
	if req.Name == "" {
		return nil, fmt.Errorf("the editable requirement %q has no name: add %q", redact.Credentials(text), "#egg=NAME")
	}
	return req, nil
}

// addressed is a URL whose path has the digest of what it gives: PyPI serves files
// below their BLAKE2b-256 (warehouse, "File storage").
var addressed = regexp.MustCompile(`^https://files\.pythonhosted\.org/packages/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/`)
