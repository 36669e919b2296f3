package analysistest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tareweight/tare/internal/source"
	"github.com/tareweight/tare/internal/toc"
)

// An Entry is one of a table of contents, as eStargz and zstd:chunked write it.
type Entry struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Size        int64  `json:"size,omitempty"`
	LinkName    string `json:"linkName,omitempty"`
	Mode        int64  `json:"mode,omitempty"`
	UID         int    `json:"uid,omitempty"`
	Offset      int64  `json:"offset,omitempty"`
	EndOffset   int64  `json:"endOffset,omitempty"`
	InnerOffset int64  `json:"innerOffset,omitempty"`
	ChunkType   string `json:"chunkType,omitempty"`
	Digest      string `json:"digest,omitempty"`
}

var entryTypes = map[byte]string{
	tar.TypeReg: "reg", tar.TypeDir: "dir", tar.TypeSymlink: "symlink", tar.TypeLink: "hardlink", tar.TypeChar: "char",
	tar.TypeBlock: "block", tar.TypeFifo: "fifo",
}

// Entries calls each with the entries of a tar archive and the bytes of its regular files.
func Entries(t testing.TB, archive []byte, each func(h *tar.Header, e Entry, body []byte)) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		e := Entry{Name: h.Name, Type: entryTypes[h.Typeflag], Size: h.Size, LinkName: h.Linkname, Mode: h.Mode, UID: h.Uid}
		if h.Size > 0 {
			e.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256(body))
		}
		each(h, e, body)
	}
}

// Estargz makes an eStargz layer of a tar archive: each file is a gzip member of its own, the table of contents,
// after change, is the last but one (github.com/containerd/stargz-snapshotter, docs/estargz.md). It is
// long enough that its table is worth to be read. Diff are the uncompressed bytes.
func Estargz(t testing.TB, archive []byte, change func([]Entry) []Entry) (stored, diff []byte, table *toc.Table) {
	t.Helper()
	var out, plain bytes.Buffer
	member := func(extra, data []byte) {
		z := gzip.NewWriter(&out)
		z.Extra = extra
		plain.Write(data)
		if _, err := z.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	header := func(h *tar.Header) {
		var head bytes.Buffer
		if err := tar.NewWriter(&head).WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		member(nil, head.Bytes())
	}
	body := func(data []byte) {
		member(nil, append(bytes.Clone(data), make([]byte, (512-len(data)%512)%512)...))
	}
	var entries []Entry
	Entries(t, archive, func(h *tar.Header, e Entry, data []byte) {
		if header(h); h.Size > 0 {
			e.Offset = int64(out.Len())
			body(data)
		}
		entries = append(entries, e)
	})
	for range 2 {
		member(make([]byte, 60_000), nil)
	}
	member(nil, make([]byte, 1024)) // where the archive ends
	if change != nil {
		entries = change(entries)
	}
	text, err := json.Marshal(map[string]any{"version": 1, "entries": entries})
	if err != nil {
		t.Fatal(err)
	}
	var last bytes.Buffer
	w := tar.NewWriter(&last)
	if err := w.WriteHeader(&tar.Header{Name: "stargz.index.json", Size: int64(len(text)), Mode: 0o444}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	at := out.Len()
	member(nil, last.Bytes())
	footer := append([]byte("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x1a\x00SG\x16\x00"), fmt.Sprintf("%016xSTARGZ", at)...)
	out.Write(append(footer, "\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"...)) // an empty stored block, and its checksum
	return out.Bytes(), plain.Bytes(), &toc.Table{Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text))}
}

// Blob is a layer of a registry that sends parts.
func Blob(stored, diff []byte, table *toc.Table) source.Blob {
	return source.Blob{
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(stored)), DiffID: fmt.Sprintf("sha256:%x", sha256.Sum256(diff)),
		Size: int64(len(stored)), Table: table,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil },
		Part: func(_ context.Context, from, to int64) (io.ReadCloser, error) {
			if from <= 0 || from >= to || to > int64(len(stored)) {
				return nil, fmt.Errorf("no bytes from %d to %d", from, to)
			}
			return io.NopCloser(strings.NewReader(string(stored[from:to]))), nil
		},
	}
}
