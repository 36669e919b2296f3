package cache

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A Listing is a layer that is known by its table of contents alone: nobody has read its bytes, so that it is
// kept apart from those that were.
type Listing struct {
	Digest string // of the stored layer
	Table  string // of its table of contents
	DiffID string // as the configuration says
	Stored int64  // bytes of the stored layer, as the manifest says
}

// name is the file of its index.
func (c *Cache) name(l Listing) string {
	return c.path("listed", fmt.Sprintf("%x", sha256.Sum256([]byte(l.Digest+" "+l.Table))))
}

// Listed returns the index of a layer that its table of contents tells, or nil, as Get does.
func (c *Cache) Listed(l Listing, wants []analysis.Want, admit func(*Index) error) (*Index, error) {
	if c == nil || !reDigest.MatchString(l.Digest) {
		return nil, nil
	}
	x, err := c.load(c.name(l), l.DiffID, Cost{Stored: l.Stored}, wants, admit)
	if x != nil {
		x.Listed = true
	}
	return x, err
}

// PutListed keeps the index of a layer that its table of contents tells. Like Put it returns no error.
func (c *Cache) PutListed(l Listing, index *Index) {
	if c != nil && reDigest.MatchString(l.Digest) {
		_ = c.write(c.name(l), func(w io.Writer) error { return encode(w, index) })
	}
}
