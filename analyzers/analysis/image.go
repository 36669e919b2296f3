package analysis

import (
	"fmt"
	"io/fs"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An Image is the index of an image: its configuration, its layers oldest
// first, and the view that a container has of them.
type Image struct {
	Name     string // as the user named it
	Source   string // where it came from: "registry", "oci", "docker-archive"
	Digest   string // of its manifest; "" where the source has none
	Platform string // os/architecture[/variant]
	Config   *v1.ConfigFile
	Layers   []*Layer
	Base     Base
	Indexed  bool        // the layers' files were read
	Sibling  *Sibling    // the smaller image that the base's repository has beside it; nil if there is none, or nobody asked
	Differs  *Difference // where it was not built from the Dockerfile; nil if it was, or if that is not known
	Aligned  string      // "" where the layers stand on the Dockerfile's instructions, or there is no Dockerfile; else why not

	root *node   // the merged view; nil unless Indexed
	list []entry // what it holds, in order

	followed atomic.Int64 // bytes of links' targets, to find files
}

// A Difference is the first instruction of a Dockerfile that an image was not
// built from.
type Difference struct {
	Location Location
	What     string // what the image has in its place, as the end of a sentence
	None     bool   // the image has none of the Dockerfile's steps: it is another one
}

// A Base says where the base image ends.
type Base struct {
	Ref    string // as the Dockerfile names it; "" if unknown
	Digest string // "" if unknown
	Layers int    // the first so many layers are the base's
	How    string // how it was found: "provenance", "alignment", "annotations", "digest" or "tag" of FROM, "layers"; "" if it was not
}

// A Sibling is an image that could be the base in the place of a larger one of its repository.
type Sibling struct {
	Ref   string
	Size  Size   // of its layers; Unpacked is 0 where they were not read
	Image *Image // nil where its layers were not read: its manifest alone was asked for
}

// NoBase says why a rule about what stands above the base is not decided.
const NoBase = "where the base image ends is not known: a Dockerfile tells, or the base in the same registry"

// Size is the sum over all layers, deleted files included: what a node
// downloads and stores. Unpacked is 0 unless Indexed; Download is 0 where the
// source holds no compressed layers.
func (im *Image) Size() Size {
	var sum Size
	for _, l := range im.Layers {
		sum = sum.Add(l.Size)
	}
	return sum
}

// Entries is how many entries the layers have, deletions included.
func (im *Image) Entries() (n int) {
	for _, l := range im.Layers {
		n += len(l.Files)
	}
	return n
}

// A Layer is the changes of one build step.
type Layer struct {
	Index        int
	Digest       string // of the compressed bytes; "" where the source has none
	DiffID       string // of the uncompressed bytes
	MediaType    string
	Size         Size           // Unpacked: of its regular files, hard links once; Download: of the compressed blob, exact
	CreatedBy    string         // from the image's history, as the builder wrote it; holds build arguments
	Instructions []*Instruction // that made it, in order; more than one where the builder squashed; nil if unknown
	Base         bool           // it came with the base image
	From         *Stage         // of a layer of the base: the stage whose FROM brought it; nil if unknown
	Files        []*File        // its entries in order, deletions included; nil unless indexed

	// Listed says that the layer's files are those that its table of contents tells: of those whose contents nobody
	// wanted neither the kind is known nor the libraries that they need, and their hashes tell copies apart among
	// Listed layers alone.
	Listed bool
}

// Location is the Dockerfile's line that made the layer: the first of its
// instructions, the FROM for a layer of the base. It is the layer itself where
// neither is known.
func (l *Layer) Location() Location {
	if l.From != nil {
		return l.From.Location()
	}
	if len(l.Instructions) == 0 {
		return Location{Layer: l}
	}
	return l.Instructions[0].Location()
}

// A Kind says what the first bytes of a regular file tell.
type Kind uint8

const (
	KindOther   Kind = iota
	KindELF          // an executable or library
	KindScript       // begins with #!
	KindArchive      // ar: a static library
	KindPacked       // already compressed: gzip, zip, xz, bzip2, zstd, png, jpeg
	KindUnknown      // of a layer that is Listed: its bytes were not read
)

// Key names the layer in a finding's key: by the first instruction that made it,
// which outlives a rebuild, or, where it is not known, by its number.
func (l *Layer) Key() string {
	if len(l.Instructions) > 0 {
		return l.Instructions[0].Text
	}
	return fmt.Sprintf("layer %d", l.Index)
}

// A File is one entry of a layer.
type File struct {
	Path     string // slash-separated, not rooted, clean; the entry's own, before links among its directories are followed
	Layer    *Layer
	Mode     fs.FileMode
	Size     int64  // bytes of a regular file; 0 for a hard link
	Link     string // target of a symbolic link, or, if Hard, path of the entry that this is one more name of
	Hard     bool
	Deleted  bool // a whiteout: older layers lose Path
	Opaque   bool // a mark that hides what older layers have below Path
	Kind     Kind
	ordinal  int32  // among all entries of the image, once its view is merged
	Owner    uint32 // number of the user
	Hash     uint64 // xxHash64 of a regular file's bytes
	Packed   int64  // bytes that its entry takes of the compressed layer, about; 0 where that is not known
	Needed   Needed // of an ELF file
	Contents []byte // nil unless a Want names it
}

// Needed is the libraries that an ELF file is linked with (DT_NEEDED), by name.
type Needed struct {
	Names   []string
	Unknown bool // they could not be read
}

// Location is the path in the layer.
func (f *File) Location() Location { return Location{Path: f.Path, Layer: f.Layer} }

// A Table holds a value for each entry of one image, as a map of them would, at the cost of a slice.
type Table[V any] struct{ values []V }

// NewTable returns a table for the entries of im, which is Indexed: each has the zero value.
func NewTable[V any](im *Image) Table[V] { return Table[V]{make([]V, im.Entries())} }

// Of returns the value of f, an entry of the image: the zero value in the zero Table.
func (t Table[V]) Of(f *File) (v V) {
	if t.values == nil {
		return v
	}
	return t.values[f.ordinal]
}

// Set makes v the value of f, an entry of the image.
func (t Table[V]) Set(f *File, v V) { t.values[f.ordinal] = v }
