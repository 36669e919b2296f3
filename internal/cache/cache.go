// Package cache keeps what never changes: the indexes of layers, so that a layer
// is read once, ever, and the documents that describe images. It is plain files,
// so that many processes share it and any of them may be removed at any time:
//
//	blobs/<digest>      the diffID that was computed when the blob was read, its
//	                    bytes and its ratio: a layer may be stored in several forms
//	index/<diffID>      the layer's index, with the wants it was made for
//	listed/<digests>    the index of a layer that its table of contents tells, by the digests of both
//	images/<chainID>    the image that has the layers of that chain and no others
//	documents/<digest>  a manifest, an index, a configuration or a record of a build,
//	                    as it was served
//
// A file is written beside its place and renamed. One that is damaged is
// dropped, and its layer read again.
package cache

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
)

// DefaultLimit is how many bytes the cache may hold: some ten thousand layers.
const DefaultLimit = 2 << 30

// A Cache is a directory. A nil Cache holds nothing and keeps nothing.
type Cache struct {
	Far Far // where indexes are kept for several machines; the zero Far is nowhere

	dir   string
	limit int64
	wrote atomic.Bool
}

// An Index is what is kept of one layer.
type Index struct {
	DiffID   string
	Unpacked int64            // bytes of its regular files
	Packed   int64            // of the compressed layer, as Packed of its files counts them; 0 where it was not measured
	Files    []*analysis.File // their Layer is nil
	Wants    []analysis.Want  // what its contents were kept for
	Cost     Cost
	Listed   bool // its files are those that the layer's table of contents tells
}

// A Cost is what reading a layer took of each limit, so that a later run, whose
// limits may be lower, refuses what it would have refused.
type Cost struct {
	Stored  int64 // bytes of the layer as it is stored
	Plain   int64 // bytes that they became
	Ratio   int64 // the most that one stored byte had become at any place behind the first GiB; 0 for a shorter layer
	Entries int64 // headers, those of no file among them
	Kept    int64 // bytes of paths, contents and extended headers
	Path    int64 // bytes of the longest path with its link
}

// numbers are its fields that are those of the layer in every form, in the order in
// which they are written.
func (c *Cost) numbers() []*int64 {
	return []*int64{&c.Plain, &c.Entries, &c.Kept, &c.Path}
}

// Open returns the cache in dir, which need not be there yet; "" is the user's
// cache directory.
func Open(dir string, limit int64) (*Cache, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find the cache directory: %w: name one with --cache-dir, or use --no-cache", err)
		}
		dir = filepath.Join(base, "tare")
	}
	return &Cache{dir: filepath.Join(dir, "v2"), limit: limit}, nil
}

var reDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (c *Cache) path(kind, digest string) string {
	return filepath.Join(c.dir, kind, strings.TrimPrefix(digest, "sha256:"))
}

// errOther is an index that was made for other wants.
var errOther = errors.New("the index was made for other wants")

// Get returns the index of the blob of that digest, or nil, if it is not kept or
// was not made for all of wants. Admit is shown the index before its files are
// made; an error of it is Get's.
func (c *Cache) Get(digest string, wants []analysis.Want, admit func(*Index) error) (*Index, error) {
	if c == nil || !reDigest.MatchString(digest) {
		return nil, nil
	}
	blob, err := read(c.path("blobs", digest))
	if err != nil && c.adopt(digest) {
		blob, err = read(c.path("blobs", digest))
	}
	if err != nil {
		return nil, nil
	}
	var id string
	var form Cost
	if n, err := fmt.Sscan(string(blob), &id, &form.Stored, &form.Ratio); err != nil || n != 3 || !reDigest.MatchString(id) ||
		form.Stored < 0 ||
		form.Ratio < 0 {
		return nil, nil
	}
	index, err := c.index(id, form, wants, admit)
	if index != nil {
		touch(c.path("blobs", digest))
	}
	return index, err
}

// Layer returns the index of the layer of that diffID, as Get does, for a layer whose diffID was checked
// by who holds it.
func (c *Cache) Layer(diffID string, wants []analysis.Want, admit func(*Index) error) (*Index, error) {
	if c == nil || !reDigest.MatchString(diffID) {
		return nil, nil
	}
	return c.index(diffID, Cost{}, wants, admit)
}

// index reads the index of a diffID; form is what its stored form took.
func (c *Cache) index(id string, form Cost, wants []analysis.Want, admit func(*Index) error) (*Index, error) {
	return c.load(c.path("index", id), id, form, wants, admit)
}

// load reads the index in a file, of the layer of that diffID.
func (c *Cache) load(name, id string, form Cost, wants []analysis.Want, admit func(*Index) error) (*Index, error) {
	f, err := open(name)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	var refused error
	index, err := decode(f, func(x *Index) error {
		if x.Cost.Stored, x.Cost.Ratio = form.Stored, form.Ratio; form == (Cost{}) { // it is held uncompressed
			x.Cost.Stored = x.Cost.Plain
		}
		if x.DiffID != id {
			return errDamaged
		}
		if !covers(x.Wants, wants) {
			return errOther
		}
		if admit != nil {
			refused = admit(x)
		}
		return refused
	})
	switch {
	case refused != nil:
		return nil, refused
	case errors.Is(err, errOther):
		return nil, nil
	case err != nil:
		os.Remove(name) // damaged: made again by who reads the layer next
		return nil, nil
	}
	touch(name)
	return index, nil
}

// IndexBytes is how many bytes the index of the layer of that diffID has as it is kept; 0 where none is, or
// where Layer refuses it.
func (c *Cache) IndexBytes(diffID string) int64 {
	if c == nil || !reDigest.MatchString(diffID) {
		return 0
	}
	info, err := os.Lstat(c.path("index", diffID))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Has reports whether something is kept of the blob of that digest, which Get may still refuse.
func (c *Cache) Has(digest string) bool {
	if c == nil || !reDigest.MatchString(digest) {
		return false
	}
	_, err := os.Lstat(c.path("blobs", digest))
	return err == nil
}

// maxFile is how many bytes a file of the cache may have.
const maxFile = 256 << 20

// open opens a file of the cache. What is none that Put wrote is removed.
func open(name string) (*os.File, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		os.Remove(name)
		return nil, fs.ErrInvalid
	}
	return os.Open(name)
}

// read reads a file of the cache whole.
func read(name string) ([]byte, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// touch marks a file as used: least recently used goes first.
func touch(name string) {
	if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > time.Hour {
		now := time.Now()
		_ = os.Chtimes(name, now, now)
	}
}

// covers reports whether an index made for have serves want.
func covers(have, want []analysis.Want) bool {
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h analysis.Want) bool { return h.Glob == w.Glob && h.Max >= w.Max }) {
			return false
		}
	}
	return true
}

// Put keeps the index of the blob of that digest. Errors are not returned: a
// cache that cannot be written is slow, not wrong.
func (c *Cache) Put(digest string, index *Index) {
	if c == nil || !reDigest.MatchString(digest) || !reDigest.MatchString(index.DiffID) {
		return
	}
	if c.write(c.path("index", index.DiffID), func(w io.Writer) error { return encode(w, index) }) == nil {
		line := fmt.Appendf(nil, "%s %d %d\n", index.DiffID, index.Cost.Stored, index.Cost.Ratio)
		_ = c.write(c.path("blobs", digest), whole(line))
		c.give(digest, line, index.DiffID)
	}
}

// Document returns the document of that digest, if it is kept.
func (c *Cache) Document(digest string) []byte {
	if c == nil || !reDigest.MatchString(digest) {
		return nil
	}
	name := c.path("documents", digest)
	raw, err := read(name)
	if err != nil {
		return nil
	}
	if fmt.Sprintf("sha256:%x", sha256.Sum256(raw)) != digest {
		os.Remove(name) // damaged: asked for again
		return nil
	}
	touch(name)
	return raw
}

// PutDocument keeps raw, whose digest the caller has checked. Like Put it
// returns no error.
func (c *Cache) PutDocument(digest string, raw []byte) {
	if c != nil && reDigest.MatchString(digest) {
		_ = c.write(c.path("documents", digest), whole(raw))
	}
}

// Chain is the digest of the first n layers together (OCI image-spec, config.md, "Layer
// ChainID"), by their diffIDs; "" of none.
func Chain(diffIDs []string) (chain string) {
	for i, id := range diffIDs {
		if i == 0 {
			chain = id
			continue
		}
		chain = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(chain+" "+id)))
	}
	return chain
}

// maxImage is how many bytes the record of an image has.
const maxImage = 1 << 10

// PutImage keeps which image the layers of a chain are all of: its reference and its digest.
func (c *Cache) PutImage(chain, ref, digest string) {
	if record := ref + "\n" + digest; c != nil && reDigest.MatchString(chain) && len(record) <= maxImage {
		_ = c.write(c.path("images", chain), whole([]byte(record)))
	}
}

// Image returns the image that was last seen with the layers of a chain and no others; "" if
// there is none.
func (c *Cache) Image(chain string) (ref, digest string) {
	if c == nil || !reDigest.MatchString(chain) {
		return "", ""
	}
	name := c.path("images", chain)
	record, err := read(name)
	if err != nil || len(record) > maxImage {
		return "", ""
	}
	touch(name)
	ref, digest, _ = strings.Cut(string(record), "\n")
	return ref, digest
}

func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func (c *Cache) write(name string, fill func(io.Writer) error) error {
	c.wrote.Store(true)
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(fill(tmp), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// A kept is one file of the cache.
type kept struct {
	name string
	size int64
	used time.Time
}

func (c *Cache) list() (files []kept, total int64) {
	_ = filepath.WalkDir(c.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what another process has just removed
		}
		if info, err := d.Info(); err == nil {
			files = append(files, kept{name, info.Size(), info.ModTime()})
			total += info.Size()
		}
		return nil
	})
	return files, total
}

// Trim removes what was least recently used until the cache is within its
// limit, and what writers left behind that died. It does nothing in a run that
// wrote nothing: call it once, at the end.
func (c *Cache) Trim() {
	if c == nil || !c.wrote.Load() {
		return
	}
	files, total := c.list()
	slices.SortFunc(files, func(a, b kept) int { return cmp.Compare(a.used.UnixNano(), b.used.UnixNano()) })
	for _, f := range files {
		dead := strings.HasPrefix(filepath.Base(f.name), ".new-") && time.Since(f.used) > time.Hour
		if dead || total > c.limit {
			if os.Remove(f.name) == nil {
				total -= f.size
			}
		}
	}
}

// Size returns the directory, how many layers it holds and their bytes.
func (c *Cache) Size() (dir string, layers int, total int64) {
	files, total := c.list()
	for _, f := range files {
		if filepath.Base(filepath.Dir(f.name)) == "index" {
			layers++
		}
	}
	return c.dir, layers, total
}

// Clean removes all that is kept.
func (c *Cache) Clean() error { return os.RemoveAll(c.dir) }
