package requirements_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tareweight/tare/analyzers/requirements"
)

// describe writes a file's requirements as "path:line name class", and what is
// wrong with it.
func describe(f *requirements.File) string {
	var out []string
	for _, r := range f.Requirements {
		s := fmt.Sprintf("%s:%d %s %s", r.Path, r.Line, r.Name, r.Class)
		if r.End != r.Line {
			s = fmt.Sprintf("%s:%d-%d %s %s", r.Path, r.Line, r.End, r.Name, r.Class)
		}
		if r.Exact {
			s += " exact"
		}
		if r.Pinned {
			s += " pinned"
		}
		if r.Constraint {
			s += " constraint"
		}
		if len(r.Hashes) > 0 {
			s += fmt.Sprintf(" %d hashes", len(r.Hashes))
		}
		out = append(out, s)
	}
	for _, i := range f.Invalid {
		out = append(out, fmt.Sprintf("%s:%d invalid", i.Path, i.Line))
	}
	for _, u := range f.Undecided {
		out = append(out, fmt.Sprintf("%s:%d undecided", u.Path, u.Line))
	}
	return strings.Join(out, "\n")
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"a==1.0 # c\n\n# x\n  b \\\n  >=2 \\\n\nc":       "r:1 a pinned exact\nr:4-6 b range\nr:7 c bare",
		"a==1 --hash=sha256:0 \\\n --hash=sha512:1":      "r:1-2 a pinned exact 2 hashes",
		"\xef\xbb\xbfa==1\r\nb==1.*\r\n":                 "r:1 a pinned exact\nr:2 b wildcard",
		"\xff\xfea\x00=\x00=\x001\x00":                   "r:1 a pinned exact",
		"# -*- coding: latin-1 -*-\na==1 # \xe9":         "r:2 a pinned exact",
		"a==1;python_version<'3'\nb==1 ; nonsense":       "r:1 a pinned exact\nr:2 invalid",
		"a===1-x\nb==1,==2\nc==1,!=2\nd==1.0,==1":        "r:1 a pinned exact\nr:2 b multi\nr:3 c pinned exact\nr:4 d pinned exact",
		"a==x\nb=1\nc (==1)\nd[x,y]~=1.2":                "r:1 a pinned\nr:3 c pinned exact\nr:4 d range\nr:2 invalid",
		"git+https://h/a@" + strings.Repeat("a", 40):     "r:1  vcs-commit exact",
		"-e git+https://h/a@v1#egg=a\ngit+ssh://git@h/b": "r:1 a vcs-ref\nr:2  vcs-noref",
		"a @ https://h/a.zip#sha256=00\nhttps://h/b.zip": "r:1 a url-hash exact\nr:2  url-nohash",
		"-i https://h --pre\n--nope\n-r\n--hash=md5:0":   "r:2 invalid\nr:3 invalid\nr:4 invalid",
		"-r https://h/r.txt":                             "r:1 undecided",
		"./dir\n../up.whl\n.[extra]\n-e .":               "r:1  local\nr:2  local\nr:3  local\nr:4  local",
	} {
		f, err := requirements.Parse("r", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := describe(f); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", text, got, want)
		}
	}
	if _, err := requirements.Parse("r", []byte("a\n\xe9\n")); err == nil || !strings.Contains(err.Error(), "line 2 is not UTF-8") {
		t.Errorf("latin-1 without a word of it: %v", err)
	}
}

func TestIncludes(t *testing.T) {
	fsys := fstest.MapFS{
		"r/prod.txt": {Data: []byte("-r base.txt\n-c ../c.txt\nZ_x\nother\n")},
		"r/base.txt": {Data: []byte("a==1\n")},
		"c.txt":      {Data: []byte("z-X==2\nother>1\n")},
		"loop.txt":   {Data: []byte("-r loop.txt\nb\n")},
		"out.txt":    {Data: []byte("-r ../../etc/passwd\n-r /etc/passwd\n-r r\n-r none.txt\n")},
	}
	for name, want := range map[string]string{
		"r/prod.txt": "r/base.txt:1 a pinned exact\nc.txt:1 z-X pinned exact constraint\nc.txt:2 other range constraint\nr/prod.txt:3 Z_x bare pinned\nr/prod.txt:4 other bare",
		"loop.txt":   "loop.txt:2 b bare\nloop.txt:1 invalid",
		"out.txt":    "out.txt:3 invalid\nout.txt:4 invalid\nout.txt:1 undecided\nout.txt:2 undecided",
	} {
		f, err := requirements.Read(fsys, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(f); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func BenchmarkTenThousandLines(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "package-%d==1.%d.0 ; python_version >= \"3.9\" --hash=sha256:%064d\n", i, i, i)
	}
	for b.Loop() {
		start := time.Now()
		if f, err := requirements.Parse("r", []byte(text.String())); err != nil || len(f.Requirements) != 10_000 {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a==1", "-e git+https://h/a@b#egg=c", "a[b]>=1,<2; python_version<'3' --hash=sha256:0", "a @ https://h", "\\\n\\\n", "-r x -c y", "===\u0085===", "a;(((((", "--hash 'x", "\xff\xfe"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := requirements.Parse("r", text)
		if err != nil {
			return
		}
		for _, r := range file.Requirements {
			if r.Line < 1 || r.End < r.Line || r.Class == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
