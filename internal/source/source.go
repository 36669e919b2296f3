// Package source opens images where they are: in a registry, in an OCI layout,
// in an archive. What it returns has its manifest and configuration read and
// checked; the layers are read by who needs them.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/toc"
)

// An Image is an image at its source.
type Image struct {
	Name     string         // as the user wrote it
	Kind     string         // "registry", "oci", "oci-archive", "docker-archive"
	Digest   string         // of the manifest; "" where the source has none
	Platform string         // os/architecture[/variant]
	Config   *v1.ConfigFile // nil until Stream was read, where that tells it
	Layers   []Blob         // oldest first
	Remarks  []string       // what was chosen without being asked for

	// Provenance reads BuildKit's provenance of the image; nil if there is none.
	Provenance func(context.Context) ([]byte, error)

	// BaseName and BaseDigest are what the image's annotations say that it stands
	// on (OCI image spec, "Pre-Defined Annotation Keys"); "" if they do not.
	BaseName, BaseDigest string

	// Neighbour opens another image of the same registry; nil if the source is
	// none. It refuses other registries: the user named this one, and a file or an
	// image must not make Tare speak to another.
	Neighbour func(ctx context.Context, ref string) (*Image, error)

	// Stream reads an image that comes in one piece, such as what an engine saves, from its beginning to its
	// end; the fields above are complete then, and its layers cannot be opened. It can be read once where
	// it is standard input. Nil is an image whose layers are opened each by itself.
	Stream func(context.Context, Layer) error

	closer io.Closer // of what it is read from; nil if nothing stays open
}

// Close ends reading the image; what Blob.Open returned is no longer valid.
func (im *Image) Close() error {
	if im.closer == nil {
		return nil
	}
	return im.closer.Close()
}

// A Blob is a layer as it is stored.
type Blob struct {
	Digest    string // of the stored bytes; "" where the source names none
	DiffID    string // of the uncompressed bytes, as the configuration claims
	Size      int64  // of the stored bytes; -1 if unknown
	MediaType string
	File      string // its name in a Stream
	Engine    bool   // an engine of this machine holds it, and has checked its diffID
	Local     bool   // it is a file of this machine, which may have changed
	Plain     bool   // the stored bytes are not those of a registry: Size is no download
	Open      func(ctx context.Context) (io.ReadCloser, error)

	// Table is the table of contents that the layer carries for those who read it file by file, as its
	// annotations say; nil if there is none, or Part is nil.
	Table *toc.Table
	// Part opens the stored bytes from one place up to another; ErrWhole is a registry that sends layers
	// whole alone. Nil where that is no gain.
	Part func(ctx context.Context, from, to int64) (io.ReadCloser, error)
}

// ErrWhole is a registry that knows no ranges.
var ErrWhole = errors.New("the registry sends layers as a whole alone")

// Options say which image of several is wanted, and how to reach it.
type Options struct {
	Platform  string            // os/arch[/variant]; "" takes this machine's; "all" is a PlatformsError where there are several
	Transport http.RoundTripper // nil is the default
	Cache     *cache.Cache      // of what a registry serves by digest; nil: none
	Limits    Limits            // the zero value takes the defaults
	Session   *Session          // shared by the images of a run; nil: none
	Local     bool              // a bare reference is asked for in the engines of this machine first
	Insecure  []string          // registries, HOST[:PORT], that may speak plain HTTP, or have a certificate that nobody signed
	Offline   bool              // nothing but sockets of this machine is opened: a registry is an error
	Stdin     io.Reader         // what "-" reads; nil: nothing
	Root      *checkout.Root    // a layout or an archive must be below it; nil: it may be anywhere

	wait func(context.Context, time.Duration) error // of tests: nil sleeps
	idle time.Duration                              // of tests: 0 is idleLimit

	answer time.Duration // of tests: 0 is answerTime
}

// An Error is an image that cannot be opened: its source, not the command
// line, is at fault.
type Error struct {
	Name, Step string
	Err        error
}

func (e *Error) Error() string { return fmt.Sprintf("%s of %q: %v", e.Step, e.Name, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// ErrArtifact is a manifest of something else than an image, such as a chart or a signature.
var ErrArtifact = errors.New("it is an artifact, no image")

// A PlatformsError is an image of which all platforms are wanted, where it has several.
type PlatformsError struct{ Platforms []string }

func (e *PlatformsError) Error() string {
	return fmt.Sprintf("the image has %d platforms: %s", len(e.Platforms), strings.Join(e.Platforms, ", "))
}

// transports are the kinds of sources, by their prefix as skopeo spells it.
var transports = []struct {
	prefix string
	open   func(ctx context.Context, ref string, opt Options) (*Image, error)
}{
	{"docker://", openRegistry},
	{"oci:", openLayout},
	{"oci-archive:", openArchive},
	{"docker-archive:", openDocker},
}

// HasTransport reports whether arg begins with a transport or an engine, as in "oci:DIR".
func HasTransport(arg string) bool {
	for _, t := range transports {
		if strings.HasPrefix(arg, t.prefix) {
			return true
		}
	}
	_, _, ok := engineOf(arg)
	return ok
}

// IsReference reports whether arg can be meant as an image: it begins with a
// transport, or has a tag, a digest, or a registry.
func IsReference(arg string) bool {
	if HasTransport(arg) {
		return true
	}
	first, _, slash := strings.Cut(arg, "/")
	return strings.Contains(arg, "@sha256:") ||
		slash && (strings.ContainsAny(first, ".:") && first != "." && first != ".." || first == "localhost") ||
		strings.LastIndex(arg, ":") > strings.LastIndex(arg, "/")
}

// CheckReference says what is wrong with the spelling of a reference, and what to
// write; nil where nothing is known to be.
func CheckReference(ref string) error {
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(ref, scheme); ok {
			return fmt.Errorf("an image's name has no %s: write %q", scheme, rest)
		}
	}
	for _, t := range transports {
		if rest, ok := strings.CutPrefix(ref, t.prefix); ok {
			if t.prefix != "docker://" {
				return nil
			}
			ref = rest
		}
	}
	if _, rest, ok := engineOf(ref); ok {
		ref = rest
	}
	if lower := strings.ToLower(ref); lower != ref {
		if _, err := name.ParseReference(ref); err == nil {
			return nil // a tag may have capitals
		}
		repository, tag, tagged := strings.Cut(ref[strings.LastIndex(ref, "/")+1:], ":")
		lower := strings.ToLower(ref[:strings.LastIndex(ref, "/")+1] + repository)
		if tagged {
			lower += ":" + tag
		}
		if _, err := name.ParseReference(lower); err == nil {
			return fmt.Errorf("the name of an image has no capital letters: write %q", lower)
		}
	}
	return nil
}

// Open opens the image that ref names: with a transport, as skopeo spells it,
// or bare, in a registry.
func Open(ctx context.Context, ref string, opt Options) (*Image, error) {
	if opt.Limits == (Limits{}) {
		opt.Limits = DefaultLimits
	}
	for _, t := range transports {
		if rest, ok := strings.CutPrefix(ref, t.prefix); ok {
			return named(ref)(t.open(ctx, rest, opt))
		}
	}
	if e, rest, ok := engineOf(ref); ok {
		return named(ref)(e.openLocal(ctx, rest, opt))
	}
	var notes []string
	if opt.Local && isImageName(ref) {
		im, why := local(ctx, ref, opt)
		if im != nil {
			return named(ref)(im, nil)
		}
		notes = why
	}
	im, err := named(ref)(openRegistry(ctx, ref, opt))
	if err == nil {
		im.Remarks = append(im.Remarks, notes...)
	}
	return im, err
}

// Registry is the host that the image of ref is asked of, with its port; "" if
// ref names a file of this machine, or nothing that can be opened.
func Registry(ref string) string {
	if _, _, ok := engineOf(ref); ok {
		return ""
	}
	for _, t := range transports {
		rest, ok := strings.CutPrefix(ref, t.prefix)
		if ok && t.prefix != "docker://" {
			return ""
		}
		if ok {
			ref = rest
			break
		}
	}
	r, err := name.ParseReference(ref)
	if err != nil {
		return ""
	}
	return r.Context().RegistryStr()
}

// named names the image as the user wrote it.
func named(ref string) func(*Image, error) (*Image, error) {
	return func(im *Image, err error) (*Image, error) {
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Name = ref
				return nil, e
			}
			return nil, &Error{ref, "open image", err}
		}
		im.Name = ref
		return im, nil
	}
}

// cutPath splits PATH[:REST], where PATH may itself hold a colon if it exists.
func cutPath(s string) (path, rest string) {
	if _, err := os.Stat(s); err == nil {
		return s, ""
	}
	path, rest, _ = strings.Cut(s, ":")
	if i := strings.LastIndex(s, "@sha256:"); i >= 0 && i < len(path) {
		return s[:i], s[i+1:]
	}
	return path, rest
}
