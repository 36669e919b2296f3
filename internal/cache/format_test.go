package cache

import (
	"io/fs"
	"reflect"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
)

func sample() *Index {
	return &Index{DiffID: "sha256:0", Unpacked: 7, Wants: []analysis.Want{{Glob: "**/x", Max: 9}}, Files: []*analysis.File{
		{Path: "usr", Mode: fs.ModeDir | 0o755}, {Path: "usr/bin/a", Mode: 0o755, Size: 7, Hash: 1 << 63, Offset: 900, Kind: analysis.KindELF, Contents: []byte{}},
		{Path: "usr/bin/b", Link: "a", Mode: fs.ModeSymlink, Offset: 100}, {Path: "c", Hard: true, Link: "usr/bin/a"}, {Path: "d", Deleted: true}, {Path: "e", Opaque: true, Contents: []byte("text")},
	}}
}

func TestFormat(t *testing.T) {
	want := sample()
	got, err := decode(encode(want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	data := encode(want)
	for i := range data {
		if _, err := decode(data[:i]); err == nil {
			t.Errorf("the first %d bytes of %d are an index", i, len(data))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(sample()))
	f.Add(encode(&Index{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := decode(data)
		if err != nil {
			return
		}
		if y, err := decode(encode(x)); err != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("%v: %+v, %+v", err, x, y)
		}
	})
}
