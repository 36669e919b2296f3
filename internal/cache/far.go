package cache

import (
	"bytes"
	"os"
	"strings"
)

// A Far is where indexes are kept for several machines. What it holds of a layer is the line of blobs/ and,
// after it, the index.
type Far struct {
	Get func(digest string) []byte // nil where it has none
	Put func(digest string, data []byte)
}

// adopt keeps here what is kept of a blob far away, and reports whether it did. What is no index is not kept,
// and neither is an index of a layer that this machine has read itself; one that is damaged is found out
// where it is read.
func (c *Cache) adopt(digest string) bool {
	if c.Far.Get == nil {
		return false
	}
	line, index, ok := bytes.Cut(c.Far.Get(digest), []byte("\n"))
	diffID, _, _ := strings.Cut(string(line), " ")
	if !ok || !reDigest.MatchString(diffID) || len(line) > maxImage || !bytes.HasPrefix(index, []byte(magic)) {
		return false
	}
	if _, err := os.Stat(c.path("index", diffID)); err != nil && c.write(c.path("index", diffID), whole(index)) != nil {
		return false
	}
	return c.write(c.path("blobs", digest), whole(append(line, '\n'))) == nil
}

// give puts what was just kept of a blob where other machines find it.
func (c *Cache) give(digest string, line []byte, diffID string) {
	if c.Far.Put == nil {
		return
	}
	if index, err := read(c.path("index", diffID)); err == nil {
		c.Far.Put(digest, append(line, index...))
	}
}
