package toc_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tareweight/tare/internal/toc"
)

const digest = "sha256:464a654c928ec880d92cd6a17255ac3530f04d5e1e1f483384215dbba0e34f76"

// list reads a table, each entry as a line.
func list(text string) (out []string, err error) {
	err = toc.Read(strings.NewReader(text), func(e toc.Entry) error {
		h := e.Header
		out = append(out, strings.TrimRight(fmt.Sprintf("%c %s %d %o %d %s at %d+%d-%d %v %s", h.Typeflag, h.Name, h.Size, h.Mode, h.Uid, h.Linkname,
			e.Offset, e.Inner, e.End, e.Holes, strings.TrimPrefix(e.Digest, "sha256:464a654c")), " "))
		return nil
	})
	return out, err
}

func TestRead(t *testing.T) {
	got, err := list(`{"version": 1, "other": {"entries": [1]}, "entries": [
		{"name": "app/", "type": "dir", "modtime": "2026-11-25T14:36:07Z", "mode": 493, "size": 4096},
		{"name": "app/main.py", "type": "reg", "size": 486, "mode": 292, "uid": 1000, "offset": 149, "digest": "` + digest + `", "chunkDigest": "x"},
		{"name": "large", "type": "reg", "size": 9000, "offset": 500, "endOffset": 600, "innerOffset": 7, "digest": "` + digest + `"},
		{"name": "large", "type": "chunk", "offset": 600, "endOffset": 700, "chunkOffset": 4000, "chunkSize": 4000},
		{"name": "large", "type": "chunk", "chunkType": "zeros", "chunkOffset": 8000, "chunkSize": 1000},
		{"name": "l", "type": "symlink", "linkName": "app"}, {"name": "h", "type": "hardlink", "linkName": "app/main.py"},
		{"name": "null", "type": "char"}, {"name": "d", "type": "block"}, {"name": "p", "type": "fifo"}
	], "tarSplitDigest": "x"} `)
	want := []string{
		"5 app/ 0 755 0  at 0+0-0 false", "0 app/main.py 486 444 1000  at 149+0-0 false " + digest[15:], "0 large 9000 0 0  at 500+7-700 true " + digest[15:],
		"2 l 0 0 0 app at 0+0-0 false", "1 h 0 0 0 app/main.py at 0+0-0 false", "3 null 0 0 0  at 0+0-0 false", "4 d 0 0 0  at 0+0-0 false", "6 p 0 0 0  at 0+0-0 false",
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, got\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBroken(t *testing.T) {
	for text, want := range map[string]string{
		`[]`: "is no object", `{}`: "has no entries", `{"entries": {}}`: "are no list", `{"entries": [`: "EOF",
		`{"a": `: "read the table", `{"entries": [{"name": "x", "type": "door"}]}`: `of type "door"`,
		`{"entries": [{"name": "x", "type": "reg", "size": -1}]}`:                    `"x" has a size or a place below 0`,
		`{"entries": [{"name": "x", "type": "reg", "offset": -1}]}`:                  "below 0",
		`{"entries": [{"name": "x", "type": "reg", "endOffset": -1}]}`:               "below 0",
		`{"entries": [{"name": "x", "type": "reg", "innerOffset": -1}]}`:             "below 0",
		`{"entries": [{"name": "x", "type": "chunk"}]}`:                              `a piece of "x", and not the file`,
		`{"entries": [{"name": "x", "type": "dir"}, {"name": "x", "type":"chunk"}]}`: "and not the file",
		`{"entries": [{"name": 1}]}`:                                                 "cannot unmarshal",
	} {
		if _, err := list(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	stop := errors.New("stop")
	if err := toc.Read(strings.NewReader(`{"entries":[{"type":"dir"},{"type":"dir"}]}`), func(toc.Entry) error { return stop }); err != stop {
		t.Errorf("an error of who reads it: %v", err)
	}
}

func TestOf(t *testing.T) {
	const position, checksum = "io.github.containers.zstd-chunked.manifest-position", "io.github.containers.zstd-chunked.manifest-checksum"
	for _, test := range []struct {
		annotations map[string]string
		want        string
	}{
		{nil, "<nil>"},
		{map[string]string{"containerd.io/snapshot/stargz/toc.digest": "sha256:a"}, "&{false sha256:a 0 0}"},
		{map[string]string{position: "33649613:431739:2045630:1", checksum: "sha256:b"}, "&{true sha256:b 33649613 431739}"},
		{map[string]string{position: "33649613:431739:2045630:2", checksum: "sha256:b"}, "<nil>"}, // another type of table
		{map[string]string{position: "1:2:3", checksum: "sha256:b"}, "<nil>"},
		{map[string]string{position: "1:2:3:1"}, "<nil>"},
		{map[string]string{position: "-1:2:3:1", checksum: "sha256:b"}, "<nil>"},
		{map[string]string{position: "1:0:3:1", checksum: "sha256:b"}, "<nil>"},
		{map[string]string{position: "1:99999999999999999999:3:1", checksum: "sha256:b"}, "<nil>"},
		{map[string]string{position: "a:2:3:1", checksum: "sha256:b"}, "<nil>"},
	} {
		if got := fmt.Sprint(toc.Of(test.annotations)); got != test.want {
			t.Errorf("%v: got %s, want %s", test.annotations, got, test.want)
		}
	}
}

// footer is the one of docs/estargz.md, for a table at 0x1234.
const footer = "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x1a\x00SG\x16\x000000000000001234STARGZ\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"

func TestFooter(t *testing.T) {
	if at, err := toc.Footer([]byte(footer)); err != nil || at != 0x1234 {
		t.Errorf("%d, %v", at, err)
	}
	for name, b := range map[string]string{
		"short": footer[1:], "no gzip": "x" + footer[1:], "another field": strings.Replace(footer, "SG\x16", "SG\x17", 1),
		"another magic": strings.Replace(footer, "STARGZ", "STARGX", 1), "no number": strings.Replace(footer, "00001234", "000z1234", 1),
		"below 0": strings.Replace(footer, "0000000000001234", "-000000000001234", 1),
	} {
		if at, err := toc.Footer([]byte(b)); err == nil {
			t.Errorf("%s: %d", name, at)
		}
	}
}

// FuzzRead: whatever a table says, no entry has a size or a place below 0, and what is given has a type of tar.
func FuzzRead(f *testing.F) {
	f.Add(`{"version":1,"entries":[{"name":"a","type":"reg","size":1,"offset":2,"digest":"` + digest + `"},{"type":"chunk","endOffset":3}]}`)
	f.Add(`{"entries":[{"name":"l","type":"symlink","linkName":"x"}],"a":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		_ = toc.Read(strings.NewReader(text), func(e toc.Entry) error {
			if e.Offset < 0 || e.End < 0 || e.Inner < 0 || e.Header.Size < 0 || e.Header.Typeflag != tar.TypeReg && e.Header.Size > 0 {
				t.Errorf("%+v", e)
			}
			return nil
		})
	})
}

func FuzzFooter(f *testing.F) {
	f.Add([]byte(footer))
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, err := toc.Footer(b); err == nil && (at < 0 || len(b) != toc.FooterSize) {
			t.Errorf("%d of %q", at, b)
		}
	})
}
