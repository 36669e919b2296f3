package rpmdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Tags and types of a header (rpm, lib/rpmtag.h; "RPM Package Format V4", docs/manual/hregions.md).
const (
	tagName       = 1000
	tagVersion    = 1001
	tagRelease    = 1002
	tagEpoch      = 1003
	tagArch       = 1022
	tagFileFlags  = 1037
	tagSource     = 1044
	tagDirIndexes = 1116
	tagBaseNames  = 1117
	tagDirNames   = 1118

	typeInt32   = 4
	typeString  = 6
	typeStrings = 8

	flagGhost = 1 << 6
)

// maxTags is how many entries a header may have: real ones have about 100.
const maxTags = 0xffff

// A header is the entries of one package: an index of tags, and a store of their values.
type header struct {
	store []byte
	tags  map[uint32]tag
}

type tag struct{ kind, offset, count int }

// parse reads the header of one package, with as many files as are left.
func parse(data []byte, left int) (*Package, error) {
	head, err := slice(data, 0, 8)
	if err != nil {
		return nil, err
	}
	n, size := int(binary.BigEndian.Uint32(head)), int(binary.BigEndian.Uint32(head[4:]))
	if n > maxTags {
		return nil, errDamaged
	}
	index, err := slice(data, 8, n*16)
	if err != nil {
		return nil, err
	}
	h := &header{tags: make(map[uint32]tag, n)}
	if h.store, err = slice(data, 8+n*16, size); err != nil {
		return nil, err
	}
	for i := range n {
		e := index[i*16:]
		h.tags[binary.BigEndian.Uint32(e)] = tag{
			int(binary.BigEndian.Uint32(e[4:])), int(int32(binary.BigEndian.Uint32(e[8:]))), int(binary.BigEndian.Uint32(e[12:])),
		}
	}
	p := &Package{Name: h.text(tagName), Version: h.text(tagVersion), Arch: h.text(tagArch), Source: h.text(tagSource)}
	if release := h.text(tagRelease); release != "" {
		p.Version += "-" + release
	}
	if epoch := h.numbers(tagEpoch, 1); len(epoch) == 1 {
		p.Version = fmt.Sprintf("%d:%s", epoch[0], p.Version)
	}
	if p.Name == "" {
		return nil, errDamaged
	}
	p.Files, err = h.files(left)
	return p, err
}

// text is the value of a tag of one text, or "".
func (h *header) text(t uint32) string {
	x, ok := h.tags[t]
	if !ok || x.kind != typeString || x.offset < 0 || x.offset > len(h.store) {
		return ""
	}
	text, _, _ := bytes.Cut(h.store[x.offset:], []byte{0})
	return string(text)
}

// texts are the values of a tag of several texts, most at most.
func (h *header) texts(t uint32, most int) (out []string, err error) {
	x, ok := h.tags[t]
	if !ok {
		return nil, nil
	}
	if x.kind != typeStrings || x.offset < 0 || x.offset > len(h.store) || x.count < 0 || x.count > len(h.store)-x.offset {
		return nil, errDamaged
	}
	if x.count > most {
		return nil, fmt.Errorf("more than the limit of %d files", maxFiles)
	}
	rest := h.store[x.offset:]
	for range x.count {
		text, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, errDamaged
		}
		out, rest = append(out, string(text)), after
	}
	return out, nil
}

// numbers are the values of a tag of numbers, most at most; nil where they are damaged.
func (h *header) numbers(t uint32, most int) (out []uint32) {
	x, ok := h.tags[t]
	if !ok || x.kind != typeInt32 || x.count > most || x.count < 0 {
		return nil
	}
	raw, err := slice(h.store, x.offset, x.count*4)
	if err != nil {
		return nil
	}
	for i := range x.count {
		out = append(out, binary.BigEndian.Uint32(raw[i*4:]))
	}
	return out
}

// files joins the names of files with those of their directories.
func (h *header) files(left int) ([]string, error) {
	names, err := h.texts(tagBaseNames, left)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	dirs, err := h.texts(tagDirNames, left)
	if err != nil {
		return nil, err
	}
	at, flags := h.numbers(tagDirIndexes, left), h.numbers(tagFileFlags, left)
	if len(at) != len(names) {
		return nil, errDamaged
	}
	files := make([]string, 0, len(names))
	for i, name := range names {
		if int(at[i]) >= len(dirs) {
			return nil, errDamaged
		}
		if len(flags) != len(names) || flags[i]&flagGhost == 0 {
			files = append(files, dirs[at[i]]+name)
		}
	}
	return files, nil
}
