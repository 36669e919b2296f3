// Package toc reads the table of contents that a layer carries which was made to be pulled lazily, file by
// file: eStargz (github.com/containerd/stargz-snapshotter, docs/estargz.md), whose table is a tar member in a
// gzip member at the layer's end, and zstd:chunked (github.com/containers/storage, pkg/chunked), whose table
// is in a frame that decoders skip. Both are the same JSON.
package toc

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Table says where the table of contents of a layer is, and how it is known to be the one that was meant.
type Table struct {
	Chunked bool   // it is zstd:chunked; else eStargz, whose footer says where the table is
	Digest  string // of eStargz's JSON; of zstd:chunked's compressed bytes
	Offset  int64  // of zstd:chunked: where the compressed table begins in the layer
	Size    int64  // of zstd:chunked: how many bytes it has
}

// Of reads the annotations of a layer's descriptor; nil where they name no table.
func Of(annotations map[string]string) *Table {
	if d := annotations["containerd.io/snapshot/stargz/toc.digest"]; d != "" {
		return &Table{Digest: d}
	}
	d := annotations["io.github.containers.zstd-chunked.manifest-checksum"]
	parts := strings.Split(annotations["io.github.containers.zstd-chunked.manifest-position"], ":")
	if d == "" || len(parts) != 4 || parts[3] != "1" { // offset, length, length of the JSON, and its type
		return nil
	}
	offset, err := strconv.ParseInt(parts[0], 10, 64)
	size, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || err2 != nil || offset < 0 || size <= 0 {
		return nil
	}
	return &Table{Chunked: true, Digest: d, Offset: offset, Size: size}
}

// FooterSize is how many bytes the last gzip member of an eStargz layer has.
const FooterSize = 51

// Footer reads the last FooterSize bytes of an eStargz layer: where its table begins. The member is empty, and
// its header's extra field holds "SG", a length of 22, the offset in 16 hexadecimal digits and "STARGZ".
func Footer(b []byte) (offset int64, err error) {
	const extra = 12
	if len(b) != FooterSize || string(b[:4]) != "\x1f\x8b\x08\x04" || string(b[extra:extra+4]) != "SG\x16\x00" ||
		string(b[extra+20:extra+26]) != "STARGZ" {
		return 0, errors.New("it ends without the footer of a table of contents")
	}
	offset, err = strconv.ParseInt(string(b[extra+4:extra+20]), 16, 64)
	if err != nil || offset < 0 {
		return 0, errors.New("the footer of its table of contents names no offset")
	}
	return offset, nil
}

// An Entry is one entry of a layer, as its table describes it.
type Entry struct {
	Header tar.Header // name, type, size, mode and link; the rest is empty
	Digest string     // of a regular file's bytes, "sha256:..."; "" of an empty one
	Offset int64      // where its bytes begin in the layer, compressed; 0 where it has none
	Inner  int64      // how many uncompressed bytes stand before them there
	End    int64      // where they end, if the table says so; else 0
	Holes  bool       // it has pieces that are zeros and not in the layer
}

var types = map[string]byte{
	"reg": tar.TypeReg, "dir": tar.TypeDir, "symlink": tar.TypeSymlink, "hardlink": tar.TypeLink,
	"char": tar.TypeChar, "block": tar.TypeBlock, "fifo": tar.TypeFifo,
}

// Read reads the JSON of a table, and calls each with its entries in order. An entry is only as true as the
// table: its digest is for who reads all of r to check.
func Read(r io.Reader, each func(Entry) error) error {
	d := json.NewDecoder(r)
	if err := begin(d); err != nil {
		return err
	}
	var last Entry
	some := false
	give := func() error {
		if !some {
			return nil
		}
		some = false
		return each(last)
	}
	for d.More() {
		var x struct {
			Name, Type, LinkName, Digest, ChunkType    string
			Size, Mode, Offset, EndOffset, InnerOffset int64
			UID                                        int
		}
		if err := d.Decode(&x); err != nil {
			return fmt.Errorf("read the table of contents: %w", err)
		}
		if x.Size < 0 || x.Offset < 0 || x.EndOffset < 0 || x.InnerOffset < 0 {
			return fmt.Errorf("the table of contents says that %q has a size or a place below 0", x.Name)
		}
		if x.Type == "chunk" { // one more piece of the file before it
			if !some || last.Header.Typeflag != tar.TypeReg {
				return fmt.Errorf("the table of contents has a piece of %q, and not the file", x.Name)
			}
			last.End = max(last.End, x.EndOffset)
			last.Holes = last.Holes || x.ChunkType == "zeros"
			continue
		}
		if err := give(); err != nil {
			return err
		}
		flag, ok := types[x.Type]
		if !ok {
			return fmt.Errorf("the table of contents has an entry of type %q", x.Type)
		}
		last = Entry{
			Header: tar.Header{Name: x.Name, Typeflag: flag, Linkname: x.LinkName, Mode: x.Mode, Uid: x.UID},
			Digest: x.Digest, Offset: x.Offset, End: x.EndOffset, Inner: x.InnerOffset, Holes: x.ChunkType == "zeros",
		}
		if flag == tar.TypeReg {
			last.Header.Size = x.Size
		}
		some = true
	}
	if _, err := d.Token(); err != nil { // the list's end
		return fmt.Errorf("read the table of contents: %w", err)
	}
	if err := give(); err != nil {
		return err
	}
	// what stands behind the entries is of the digest too
	if _, err := io.Copy(io.Discard, io.MultiReader(d.Buffered(), r)); err != nil {
		return fmt.Errorf("read the table of contents: %w", err)
	}
	return nil
}

// begin reads to the first of the entries.
func begin(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the table of contents is no object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("read the table of contents: %w", err)
		}
		if key == "entries" {
			if t, err := d.Token(); err != nil || t != json.Delim('[') {
				return errors.New("the entries of the table of contents are no list")
			}
			return nil
		}
		var other json.RawMessage
		if err := d.Decode(&other); err != nil {
			return fmt.Errorf("read the table of contents: %w", err)
		}
	}
	return errors.New("the table of contents has no entries")
}
