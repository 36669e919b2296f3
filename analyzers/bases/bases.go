// Package bases knows base images by their names: family, version, variant,
// and the smaller sibling that a family publishes beside a full image.
package bases

import (
	"regexp"
	"strings"
)

// A Ref is an image reference in parts.
type Ref struct {
	Registry string // "" is the hub
	Path     string // repository without the registry
	Tag      string // "" if none
	Digest   string // algorithm:hex; "" if none
}

// ParseRef cuts a reference: [REGISTRY/]PATH[:TAG][@DIGEST].
func ParseRef(s string) Ref {
	var r Ref
	s, r.Digest, _ = strings.Cut(s, "@")
	if i := strings.LastIndex(s, ":"); i > strings.LastIndex(s, "/") {
		s, r.Tag = s[:i], s[i+1:]
	}
	if first, rest, ok := strings.Cut(s, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		r.Registry, s = first, rest
	}
	r.Path = s
	return r
}

// With returns the reference to another tag of the same repository.
func (r Ref) With(tag string) string { return r.Repository() + ":" + tag }

// Repository is the reference without tag and digest.
func (r Ref) Repository() string {
	if r.Registry == "" {
		return r.Path
	}
	return r.Registry + "/" + r.Path
}

// official is the name of an official image of the hub, under which mirrors
// publish it too: python for "python", "library/python",
// "mirror.gcr.io/library/python", "public.ecr.aws/docker/library/python".
// It is "" for any other repository.
func (r Ref) official() string {
	if i := strings.LastIndex(r.Path, "library/"); i == 0 || i > 0 && r.Path[i-1] == '/' {
		if name := r.Path[i+len("library/"):]; !strings.Contains(name, "/") {
			return name
		}
		return ""
	}
	if !strings.Contains(r.Path, "/") && (r.Registry == "" || hubs[r.Registry]) {
		return r.Path
	}
	return ""
}

var hubs = map[string]bool{
	"docker.io":               true,
	"index.docker.io":         true,
	"registry-1.docker.io":    true,
	"registry.hub.docker.com": true,
	"mirror.gcr.io":           true,
}

// A Base is what the name of a base image tells.
type Base struct {
	Ref
	Family   string // "python", "debian", "distroless" ...; "" if the name is not known
	Official bool   // an official image of the hub, or a mirror's
	Python   bool   // it holds a Python interpreter
	Slim     bool   // small by name: slim, alpine, distroless, minimal, runtime
	Full     bool   // it has a smaller sibling in its own repository
	Compiler bool   // by what the family is known to hold
	Sibling  string // the reference of that sibling; "" unless Full
	Loses    string // what the sibling lacks
	Floating bool   // its tag moves to other versions
	Line     string // what a tag that does not float looks like: "python:3.14"
}

// Rooted reports whether the working directory of the base is known to be "/".
func (b Base) Rooted() bool {
	switch b.Family {
	case "python", "pypy", "node", "debian", "ubuntu", "alpine", "buildpack-deps":
		return b.Official
	}
	return false
}

// Scratch reports whether ref is no image at all.
func Scratch(ref string) bool { return ref == "scratch" }

// Lookup reads what the reference of a base tells.
func Lookup(ref string) Base {
	b := Base{Ref: ParseRef(ref)}
	name := b.official()
	b.Official = name != ""
	switch {
	case families[name] != nil:
		b.Family = name
		families[name](&b)
	case strings.HasPrefix(b.Path, "distroless/") || strings.Contains(b.Path, "/distroless/") || strings.HasPrefix(b.Path, "distroless-"):
		b.Family, b.Slim, b.Python = "distroless", true, strings.Contains(b.Path, "python")
		b.Floating = b.unversioned()
	case strings.HasPrefix(b.Registry, "cgr.dev"):
		b.Family, b.Slim, b.Python = "chainguard", !strings.HasSuffix(b.Tag, "-dev"), strings.HasSuffix(b.Path, "/python")
		b.Floating = b.unversioned()
	case b.Path == "nvidia/cuda" || strings.HasSuffix(b.Path, "/nvidia/cuda"):
		cuda(&b)
	case strings.HasSuffix(b.Path, "astral-sh/uv") || strings.HasSuffix(b.Path, "astral/uv"):
		b.Family = "uv"
		b.Python = strings.HasPrefix(b.Tag, "python")
		b.Slim = strings.Contains(b.Tag, "slim") || strings.Contains(b.Tag, "alpine") || b.Tag == "" ||
			!strings.ContainsAny(b.Tag, "abcdefghijklmnopqrstuvwxyz")
		b.Floating = b.unversioned()
	case strings.HasPrefix(b.Path, "ubi") && strings.Contains(b.Registry, "redhat"):
		b.Family = "ubi"
		b.Python = strings.Contains(b.Path, "python")
		b.Slim = strings.Contains(b.Path, "minimal") || strings.Contains(b.Path, "micro")
		b.Floating = b.unversioned()
	case strings.HasPrefix(b.Path, "continuumio/") || strings.HasPrefix(b.Path, "condaforge/") || strings.HasPrefix(b.Path, "mambaorg/"):
		b.Family, b.Python = "conda", true
		b.Floating = b.unversioned()
	default: // whoever publishes it, the next build may take another
		b.Floating = b.unversioned()
	}
	if b.Digest != "" {
		b.Floating = false
	}
	return b
}

// unversioned reports a tag that says nothing.
func (b *Base) unversioned() bool {
	return b.Tag == "" || b.Tag == "latest" || strings.HasPrefix(b.Tag, "latest-")
}

// families are the official images whose tags are known.
var families = map[string]func(*Base){
	"python": func(b *Base) { interpreter(b, 2) }, "pypy": func(b *Base) { interpreter(b, 2) }, "node": node, "debian": debian,
	"buildpack-deps": buildpack, "ubuntu": ubuntu, "alpine": alpine, "golang": func(b *Base) { compilerImage(b, 2) },
	"rust": func(b *Base) { compilerImage(b, 2) },
	"gcc":  func(b *Base) { compilerImage(b, 1) },
}

// lost is what stands between an image on buildpack-deps and its slim sibling.
const lost = "it lacks gcc, git, curl and the development packages of buildpack-deps"

const suites = `jessie|stretch|buster|bullseye|bookworm|trixie|forky|sid|wheezy`

var (
	reSuite   = regexp.MustCompile(`^(` + suites + `)$`)
	reWindows = regexp.MustCompile(`windows|nanoserver`)
	reAlpine  = regexp.MustCompile(`^alpine[\d.]*$`)
	reNumber  = regexp.MustCompile(`^v?\d+(\.\d+)*((a|b|rc)\d+)?$`)
	reDate    = regexp.MustCompile(`^\d{8}(\.\d+)?$`)
)

// variant finds what the parts of a tag say of its variant.
func (b *Base) variant() (parts []string, slim, other bool) {
	if b.Tag != "" && b.Tag != "latest" {
		parts = strings.Split(b.Tag, "-")
	}
	for _, p := range parts {
		slim = slim || p == "slim"
		b.Slim = b.Slim || p == "slim" || reAlpine.MatchString(p)
		other = other || reAlpine.MatchString(p) || reWindows.MatchString(p)
	}
	return parts, slim, other
}

// line is a tag of that version, for the distribution and variant of the parts of
// a tag that floats.
func (b *Base) line(version string, parts []string) string {
	for _, p := range parts {
		if numbers(p) == 0 && !reLTS.MatchString(p) && p != "rc" && p != "latest" {
			version += "-" + p
		}
	}
	return version
}

// parts counts the numbers of a version: 2 for 3.11.
func numbers(version string) int {
	if !reNumber.MatchString(version) {
		return 0
	}
	return strings.Count(version, ".") + 1
}

// interpreter is python and pypy: VERSION[-slim][-SUITE]. Line is how many
// numbers a release line has.
func interpreter(b *Base, line int) {
	b.Python = true
	parts, slim, other := b.variant()
	n := 0
	if len(parts) > 0 {
		n = numbers(parts[0])
	}
	b.Floating = n < line && !(len(parts) > 0 && strings.Contains(parts[0], "rc") && n > 1)
	b.Line = b.With(b.line(newest("python"), parts))
	if slim || other {
		return
	}
	for _, p := range parts {
		if numbers(p) == 0 && !reSuite.MatchString(p) && p != "rc" && !reNumber.MatchString(p) {
			return // a tag that the rules of the family do not explain
		}
	}
	b.Full, b.Compiler, b.Loses = true, true, lost
	var out []string
	done := false
	for _, p := range parts {
		if reSuite.MatchString(p) && !done {
			out = append(out, "slim")
			done = true
		}
		out = append(out, p)
	}
	if !done {
		out = append(out, "slim")
	}
	b.Sibling = b.With(strings.Join(out, "-"))
}

var reLTS = regexp.MustCompile(
	`^(lts|current|argon|boron|carbon|dubnium|erbium|fermium|gallium|hydrogen|iron|jod|krypton)$`,
)

// node is VERSION[-SUITE][-slim].
func node(b *Base) {
	parts, slim, other := b.variant()
	b.Floating = len(parts) == 0 ||
		numbers(parts[0]) < 1 && !(reLTS.MatchString(parts[0]) && parts[0] != "lts" && parts[0] != "current")
	b.Line = b.With(b.line(newest("node"), parts))
	if len(parts) == 0 {
		b.Line += "-slim"
	}
	if slim || other {
		return
	}
	for _, p := range parts {
		if numbers(p) == 0 && !reSuite.MatchString(p) && !reLTS.MatchString(p) {
			return
		}
	}
	b.Full, b.Compiler, b.Loses = true, true, lost
	b.Sibling = b.With(strings.Join(append(parts, "slim"), "-"))
}

// debian is SUITE[-DATE][-slim] or NUMBER[-slim].
func debian(b *Base) {
	parts, slim, _ := b.variant()
	b.Floating = len(parts) == 0 || numbers(parts[0]) == 0 && (!reSuite.MatchString(parts[0]) || parts[0] == "sid")
	b.Line = b.With("trixie-slim")
	if slim {
		return
	}
	for _, p := range parts {
		if numbers(p) == 0 && !reSuite.MatchString(p) && !reDate.MatchString(p) && p != "stable" && p != "testing" &&
			p != "unstable" &&
			p != "oldstable" &&
			p != "oldoldstable" {
			return
		}
	}
	b.Full, b.Loses = true, "it lacks manual pages, translations and documentation"
	if len(parts) == 0 {
		parts = []string{"stable"}
	}
	b.Sibling = b.With(strings.Join(append(parts, "slim"), "-"))
}

// buildpack is SUITE[-curl|-scm]; its sibling is Debian's slim image.
func buildpack(b *Base) {
	parts := strings.Split(b.Tag, "-")
	b.Floating = !reSuite.MatchString(parts[0]) && !reUbuntu.MatchString(parts[0]) || parts[0] == "sid"
	b.Line = b.With("trixie")
	b.Compiler = !strings.HasSuffix(b.Tag, "curl") && !strings.HasSuffix(b.Tag, "scm")
	if reSuite.MatchString(parts[0]) {
		b.Full, b.Loses = true, lost
		d := b.Ref
		d.Path = strings.TrimSuffix(d.Path, "buildpack-deps") + "debian"
		b.Sibling = d.With(parts[0] + "-slim")
	}
}

var reUbuntu = regexp.MustCompile(
	`^(trusty|xenial|bionic|focal|jammy|lunar|mantic|noble|oracular|plucky|questing|resolute)$`,
)

func ubuntu(b *Base) {
	first, _, _ := strings.Cut(b.Tag, "-")
	b.Floating = numbers(first) < 2 && !reUbuntu.MatchString(first)
	b.Line = b.With(newest("ubuntu"))
}

func alpine(b *Base) {
	b.Slim = true
	b.Floating = numbers(b.Tag) < 2 && !reDate.MatchString(b.Tag)
	b.Line = b.With(newest("alpine"))
}

// compilerImage is an image whose purpose is its compiler.
func compilerImage(b *Base, line int) {
	parts, _, _ := b.variant()
	b.Compiler = true
	b.Floating = len(parts) == 0 || numbers(parts[0]) < line
}

// cuda is VERSION-[cudnn-](base|runtime|devel)-OS.
func cuda(b *Base) {
	b.Family = "cuda"
	b.Floating = b.unversioned()
	parts := strings.Split(b.Tag, "-")
	for i, p := range parts {
		switch p {
		case "devel":
			parts[i] = "runtime"
			b.Full, b.Compiler, b.Loses = true, true, "it lacks nvcc, headers and static libraries"
			b.Sibling = b.With(strings.Join(parts, "-"))
		}
	}
}
