package source

import (
	"bytes"
	"fmt"
	"io"
)

// Limits of what an image may make this process hold or do. Each is a flag.
type Limits struct {
	Manifest int64 // bytes of a manifest, an index, a configuration or a record of a build
	Layers   int   // of an image
	Entries  int   // of an image, over all layers; of an archive that holds images
	Path     int   // bytes of an entry's path
	Inflate  int64 // bytes of a layer, uncompressed
	Ratio    int64 // uncompressed bytes for each compressed one, above 1 GiB
	Keep     int64 // bytes of paths, databases and metadata kept of an image
}

// DefaultLimits are far above every real image. Registries refuse manifests
// over 4 MiB.
var DefaultLimits = Limits{
	Manifest: 4 << 20,
	Layers:   1000,
	Entries:  500_000,
	Path:     4096,
	Inflate:  100 << 30,
	Ratio:    200,
	Keep:     128 << 20,
}

// maxBlob is how many bytes a manifest may say that a layer has: a sum over
// layers must not overflow.
const maxBlob = 1 << 50

// leastObject is how many bytes an object of JSON takes in a document as large as
// may be: a parsed one takes a hundred times the bytes of "{}".
const leastObject = 40

// A LimitError is an image that goes over a limit.
type LimitError struct {
	What  string // what is over
	Limit int64
	Flag  string // that raises it
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than the limit of %d (%s)", e.What, e.Limit, e.Flag)
}

// manifest is the error of a document that is larger than the limit, whose
// size is said to be size; 0 if unknown.
func (l Limits) manifest(size int64) error {
	what := "the document's bytes"
	if size > 0 {
		what = fmt.Sprintf("a document of %d bytes", size)
	}
	return &LimitError{what, l.Manifest, "--max-manifest"}
}

// readAll reads a small document, and closes it.
func (l Limits) readAll(rc io.ReadCloser) ([]byte, error) {
	defer rc.Close()
	b, err := io.ReadAll(&limited{rc, l.Manifest, l})
	if n := bytes.Count(b, []byte("{")); err == nil && int64(n) > l.Manifest/leastObject {
		return nil, &LimitError{fmt.Sprintf("a document of %d objects", n), l.Manifest / leastObject, "--max-manifest"}
	}
	return b, err
}

// check is the error of a document that was read under a larger limit.
func (l Limits) check(raw []byte) error {
	if n := int64(len(raw)); n > l.Manifest {
		return l.manifest(n)
	}
	return nil
}
