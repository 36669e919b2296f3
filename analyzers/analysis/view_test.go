package analysis

import (
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

// image makes an image of layers, each a list of entries: "a/b", a directory
// "d/", a link "l>target", a hard link "h=target", a deletion "-a", an opaque
// mark "!d".
func image(layers ...string) *Image {
	im := &Image{}
	for i, text := range layers {
		l := &Layer{Index: i}
		for _, e := range strings.Fields(text) {
			f := &File{Path: e, Layer: l, Mode: 0o644, Size: 1}
			if p, link, ok := strings.Cut(e, ">"); ok {
				f.Path, f.Link, f.Mode = p, link, fs.ModeSymlink
			} else if p, link, ok := strings.Cut(e, "="); ok {
				f.Path, f.Link, f.Hard = p, link, true
			} else if p, ok := strings.CutPrefix(e, "-"); ok {
				f.Path, f.Deleted = p, true
			} else if p, ok := strings.CutPrefix(e, "!"); ok {
				f.Path, f.Opaque = p, true
			} else if p, ok := strings.CutSuffix(e, "/"); ok {
				f.Path, f.Mode = p, fs.ModeDir|0o755
			}
			l.Files = append(l.Files, f)
		}
		im.Layers = append(im.Layers, l)
	}
	if err := im.Merge(1e6, 1e8); err != nil {
		panic(err)
	}
	return im
}

func TestMerge(t *testing.T) {
	for _, test := range []struct {
		name   string
		layers []string
		want   string
	}{
		{"replace", []string{"a", "a"}, "1:a"},
		{"delete", []string{"a b", "-a"}, "0:b"},
		{"delete a directory", []string{"d/a d/e/b da", "-d"}, "0:da"},
		{"opaque", []string{"d/ d/a", "d/ !d d/b"}, "1:d 1:d/b"},
		{"opaque through a link", []string{"d/a l>d", "!l"}, "0:l"},
		{"opaque root", []string{"d/a", "!. b"}, "1:b"},
		{"delete and add in one layer", []string{"a", "-a a"}, "1:a"},
		{"add, then delete in one layer", []string{"a", "a -a"}, "1:a"},
		{"delete, then add later", []string{"a", "-a", "a"}, "2:a"},
		{"a file in the place of a directory", []string{"d/ d/a", "d"}, "1:d"},
		{"a directory in the place of a file", []string{"d", "d/ d/a"}, "1:d 1:d/a"},
		{"a directory again keeps what it holds", []string{"d/ d/a", "d/"}, "1:d 0:d/a"},
		{"usr-merge", []string{"usr/ usr/bin/ bin>usr/bin usr/bin/a", "bin/b"}, "0:bin 0:usr 0:usr/bin 0:usr/bin/a 1:usr/bin/b"},
		{"usr-merge, rooted", []string{"usr/bin/ bin>/usr/bin", "bin/b"}, "0:bin 0:usr/bin 1:usr/bin/b"},
		{"delete through a link", []string{"usr/bin/a bin>usr/bin", "-bin/a"}, "0:bin"},
		{"a hard link to a link", []string{"d/ l>d", "h=l h/a"}, "0:d 1:d/a 1:h 0:l"},
		{"a link to above the root", []string{"d/l>../../../../x x/", "d/l/f"}, "0:d/l 0:x 1:x/f"},
		{"a loop of links", []string{"a>b b>a", "a/x"}, "0:a 0:b"},
		{"two entries of one path", []string{"a a"}, "0:a"},
		{"deletion of what is not there", []string{"a", "-b -c/d"}, "0:a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for p, f := range image(test.layers...).Files() {
				got = append(got, strconv.Itoa(f.Layer.Index)+":"+p)
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("got %q, want %q", s, test.want)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	im := image("usr/bin/gcc-12 usr/bin/gcc>gcc-12 bin>usr/bin etc/alt>/usr/bin/gcc h=usr/bin/gcc-12", "again=usr/bin/gcc-12 lost>nowhere")
	gcc := im.Regular("/bin/gcc-12")
	if gcc == nil || gcc.Path != "usr/bin/gcc-12" {
		t.Fatalf("Regular through a directory link: %v", gcc)
	}
	for _, p := range []string{"bin/gcc", "/etc/alt", "etc/../bin/gcc"} {
		if f := im.Lookup(p); f != gcc {
			t.Errorf("Lookup(%q) = %v", p, f)
		}
	}
	if f := im.Regular("bin/gcc"); f != nil {
		t.Errorf("a link is no regular file: %v", f)
	}
	if f := im.Lookup("lost"); f != nil {
		t.Errorf("a dangling link leads nowhere: %v", f)
	}
	for _, p := range []string{"h", "again"} { // in its own layer, and of an older one
		if f := im.Inode(p); f != gcc {
			t.Errorf("Inode(%q) = %v", p, f)
		}
	}
}

func TestWantMatch(t *testing.T) {
	for _, test := range []struct {
		glob, path string
		want       bool
	}{
		{"var/lib/dpkg/status", "var/lib/dpkg/status", true},
		{"var/lib/dpkg/info/*.list", "var/lib/dpkg/info/gcc.list", true},
		{"var/lib/dpkg/info/*.list", "var/lib/dpkg/info/a/gcc.list", false},
		{"**/*.dist-info/RECORD", "x.dist-info/RECORD", true},
		{"**/*.dist-info/RECORD", "usr/lib/python3/x.dist-info/RECORD", true},
		{"**/*.dist-info/RECORD", "RECORD", false},
	} {
		if got := (Want{Glob: test.glob}).Match(test.path); got != test.want {
			t.Errorf("%q matches %q: %v", test.glob, test.path, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[Bytes]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_949_999: "9.9 MB", 312_400_000: "312 MB", 999_600_000: "1.0 GB", 1_448_583_399: "1.4 GB", -2_000_000: "-2.0 MB"} {
		if got := n.String(); got != want {
			t.Errorf("%d: got %q, want %q", int64(n), got, want)
		}
	}
	for text, want := range map[string]Bytes{"300 MB": 300e6, "1.5GB": 1.5e9, "64MiB": 64 << 20, "12 B": 12, "3 k": 3000} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "12", "MB", "-1 MB", "1 parsec", "1e30 GB"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
	if got := Bytes(63_700_000).About(); got != "64 MB" {
		t.Errorf("About: %q", got)
	}
}

func TestAllowance(t *testing.T) {
	for text, want := range map[string]struct {
		is           Allowance
		within, over int64 // what 1000 bytes may become, and may not
	}{
		"5%": {Allowance{Percent: 5, Set: true}, 1050, 1051}, " 2.5 % ": {Allowance{Percent: 2.5, Set: true}, 1025, 1026},
		"1 kB": {Allowance{Bytes: 1000, Set: true}, 2000, 2001}, "0%": {Allowance{Set: true}, 1000, 1001},
	} {
		var a Allowance
		if err := a.UnmarshalText([]byte(text)); err != nil || a != want.is || a.Exceeded(1000, want.within) || !a.Exceeded(1000, want.over) {
			t.Errorf("%q: got %+v, %v", text, a, err)
		}
	}
	for _, text := range []string{"", "5", "%", "-1%", "NaN%", "1e9%", "5 %%"} {
		var a Allowance
		if err := a.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, a)
		}
	}
	if got := Bytes(40e6).Signed() + " " + Bytes(-40e6).Signed() + " " + Bytes(0).Signed(); got != "+40 MB -40 MB 0 B" {
		t.Error(got)
	}
}

// TestBudgets: what a view may hold that no entry names is bounded, and a path
// is not followed through links of more bytes than a path may have.
func TestBudgets(t *testing.T) {
	made := int64(len("a" + "a/b" + "a/b/c" + "d/g" + "d")) // paths that no entry has, and the link that was followed
	layers := func() []*Layer { return image("a/b/c/f d/ l>d l/g").Layers }
	for _, test := range []struct {
		directories int
		bytes       int64
		want        error
	}{
		{3, 100, nil}, {2, 100, ErrDirectories}, {3, made, nil}, {3, made - 1, ErrPaths},
	} {
		im := &Image{Layers: layers()}
		if err := im.Merge(len(im.Layers[0].Files)+test.directories, test.bytes); err != test.want || im.Indexed != (err == nil) {
			t.Errorf("%d directories, %d bytes: %v, want %v; indexed %v", test.directories, test.bytes, err, test.want, im.Indexed)
		}
		if test.want != nil && (im.Regular("a/b/c/f") != nil || im.Lookup("a/b/c/f") != nil) {
			t.Errorf("%v, and a view all the same", test.want)
		}
	}
	long := strings.Repeat("d/", 1500)
	im := image("l>" + long + " l/f m>l/" + long + " m/g n>" + long + "../.. n/h")
	if im.Lookup(long+"f") == nil || im.Lookup("m/g") != nil || im.Lookup(long[4:]+"h") == nil {
		t.Error("links of 3000 bytes are followed one at a time, and not two")
	}
}
