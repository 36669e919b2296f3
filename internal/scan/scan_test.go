package scan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/scan"
	"github.com/tareweight/tare/internal/source"
)

// TestOnce: each blob is fetched once, however many images have it, and a second run fetches nothing and says the same.
func TestOnce(t *testing.T) {
	s := serve(t)
	fill(t, s.host, 4, 5)
	s.forget(nil)
	m := newMachine(t)
	first, sum, err := m.scan(t, context.Background(), all(s.host), nil)
	if err != nil || len(first) != 21 || sum.Images != 21 || sum.References != 25 || len(sum.Failed) > 0 {
		t.Fatalf("%d lines, %d images of %d references, failed %v: %v", len(first), sum.Images, sum.References, sum.Failed, err)
	}
	for what, n := range s.asked {
		if n > 1 && strings.HasPrefix(what, "GET blobs ") {
			t.Errorf("%s: %d times", what, n)
		}
	}
	if sum.Layers != 2+4+20 {
		t.Errorf("%d layers", sum.Layers)
	}
	s.forget(nil)
	second, sum, err := m.scan(t, context.Background(), all(s.host), nil)
	if err != nil || !slices.Equal(first, second) || sum.Known != 21 {
		t.Errorf("the second run says otherwise: %d lines, %d known, %v", len(second), sum.Known, err)
	}
	for what := range s.asked {
		if strings.HasPrefix(what, "GET ") {
			t.Errorf("the second run asks for %s", what)
		}
	}
	m.onlyNew = true
	if lines, _, err := m.scan(t, context.Background(), all(s.host), nil); err != nil || len(lines) != 0 {
		t.Errorf("what is new alone: %d lines, %v", len(lines), err)
	}
}

// TestResume: a run that is ended anywhere goes on with the next one, and the results are those of a run that is not.
func TestResume(t *testing.T) {
	s := serve(t)
	fill(t, s.host, 3, 4)
	want, _, err := newMachine(t).scan(t, context.Background(), all(s.host), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	for after := range 6 {
		ctx, cancel := context.WithCancelCause(context.Background())
		n := 0
		_, _, err := m.scan(t, ctx, all(s.host), func(r *scan.Result) {
			if r.Known {
				return
			}
			if n++; n > after/2 {
				cancel(errors.New("killed"))
			}
		})
		cancel(nil)
		if err == nil && n > after/2 {
			t.Errorf("%d: a run that was ended says nothing", after)
		}
	}
	got, sum, err := m.scan(t, context.Background(), all(s.host), nil)
	if err != nil || sum.Known == 0 || !slices.Equal(got, want) {
		t.Errorf("%d lines, %d known, %v: not what one run says", len(got), sum.Known, err)
	}
}

// TestShards: each repository is one machine's, and all of them together have all.
func TestShards(t *testing.T) {
	s := serve(t)
	fill(t, s.host, 5, 2)
	var lines []string
	for i := range 3 {
		selection := all(s.host)
		selection.Shard = scan.Shard{Index: i, Of: 3}
		part, _, err := newMachine(t).scan(t, context.Background(), selection, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, part...)
	}
	if len(lines) != 11 || len(slices.Compact(slices.Sorted(slices.Values(lines)))) != 11 {
		t.Errorf("%d lines", len(lines))
	}
}

// TestFailures: what a registry refuses, breaks or has no more is said, and all else is judged.
func TestFailures(t *testing.T) {
	s := serve(t)
	fill(t, s.host, 4, 2)
	var mu sync.Mutex
	flaky := map[string]int{}
	s.forget(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		flaky[r.URL.Path]++
		n := flaky[r.URL.Path]
		mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/v2/team/app0/"):
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/v2/team/app1/manifests/1.0": // deleted since it was listed
			w.WriteHeader(http.StatusNotFound)
		case strings.Contains(r.URL.Path, "/blobs/") && n == 1: // it goes better the second time
			w.Header().Set("Retry-After", "0")
			w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusInternalServerError}[len(r.URL.Path)%2])
		default:
			return false
		}
		return true
	})
	lines, sum, err := newMachine(t).scan(t, context.Background(), all(s.host), nil)
	if err != nil || len(lines) != 6 { // the base, and five of the eight
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if len(sum.Failed) != 2 || !strings.HasSuffix(sum.Failed[0].Ref, "/team/app0") || !strings.Contains(sum.Failed[0].Why, "403") ||
		!strings.HasSuffix(sum.Failed[1].Ref, "/team/app1:1.0") || !strings.Contains(sum.Failed[1].Why, "404") {
		t.Errorf("failed: %+v", sum.Failed)
	}
}

// TestSelection: what patterns and lists name.
func TestSelection(t *testing.T) {
	s := serve(t)
	fill(t, s.host, 2, 11)
	find := func(selection scan.Selection) string {
		refs, failed := selection.Find(context.Background(), source.Options{})
		for i := range refs {
			refs[i] = strings.TrimPrefix(refs[i], s.host+"/")
		}
		for _, f := range failed {
			refs = append(refs, "failed: "+f.Why)
		}
		return strings.Join(refs, " ")
	}
	for pattern, want := range map[string]string{
		"team/app0:1.1?":   "team/app0:1.10",
		"*:latest":         "team/app0:latest team/app1:latest failed: no tag",
		"base/*":           "base/python:1",
		"team/app1:1.3":    "team/app1:1.3",
		"*app*:1.0":        "team/app0:1.0 team/app1:1.0",
		"team/app[12]:1.9": "team/app1:1.9",
		"nosuch:*":         "failed: ",
	} {
		p, err := scan.ParsePattern(s.host + "/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		got := find(scan.Selection{Patterns: []scan.Pattern{p}})
		if pattern == "*:latest" { // a tag without a pattern is taken as it is
			want = "base/python:latest team/app0:latest team/app1:latest"
		}
		if got != want && !(strings.HasPrefix(want, "failed") && strings.HasPrefix(got, want)) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
	p := scan.Pattern{Registry: s.host, Repository: "team/app0"}
	if got := find(scan.Selection{Patterns: []scan.Pattern{p}, Newest: 3}); got != "team/app0:1.10 team/app0:1.8 team/app0:1.9" {
		t.Errorf("the newest: %q", got)
	}
	if got := find(scan.Selection{Refs: []string{s.host + "/b:1", s.host + "/a:1", s.host + "/b:1", "NO"}}); got != "a:1 b:1 failed: it is no reference of an image" {
		t.Errorf("a list: %q", got)
	}
	for _, text := range []string{"team/app:1", "nohost", "h.io/[:1", "h.io/a:["} {
		if p, err := scan.ParsePattern(text); err == nil {
			t.Errorf("%q: %+v", text, p)
		}
	}
	for text, want := range map[string]string{"2/8": "{2 8}", "8": "{3 8}", "8/8": "", "-1/2": "", "x": "", "1/0": "", "3": ""} {
		s, err := scan.ParseShard(text, "3")
		if got := fmt.Sprint(s); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("shard %q: %s, %v", text, got, err)
		}
	}
}

// TestState: a damaged result is judged again; other rules and settings have results of their own.
func TestState(t *testing.T) {
	dir := t.TempDir()
	a, err := scan.OpenState(dir, "rules", 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := scan.OpenState(dir, "rules", 2)
	if err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + strings.Repeat("0", 64)
	if err := a.Keep(digest, &report.Target{Name: "x", Image: &report.Image{}}); err != nil {
		t.Fatal(err)
	}
	if got := a.Result(digest); got == nil || got.Name != "x" {
		t.Errorf("got %v", got)
	}
	if b.Result(digest) != nil || a.Result("sha256:../../x") != nil || a.Result("sha256:"+strings.Repeat("1", 64)) != nil {
		t.Error("a result of something else")
	}
	kept, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	text, err := os.ReadFile(kept[0])
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(kept[0]), "..", "x.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Result("sha256:../x"); got != nil {
		t.Errorf("a file outside of the state is read: %v", got)
	}
	var none *scan.State
	for _, no := range []string{"sha256:../x", "../../etc/passwd", "sha256:" + strings.Repeat("A", 64), ""} {
		if err := a.Keep(no, &report.Target{Name: "x", Image: &report.Image{}}); err != nil || a.Result(no) != nil {
			t.Errorf("%q is kept: %v", no, err)
		}
	}
	if none.Result(digest) != nil || none.Keep(digest, nil) != nil {
		t.Error("no state keeps something")
	}
}

// TestShared: machines that share indexes through a repository read each layer once, all together, and say
// what one machine says; one with an empty disk reads none.
func TestShared(t *testing.T) {
	s := serve(t)
	const repositories, tags = 4, 3
	fill(t, s.host, repositories, tags)
	layers := int64(2 + repositories*(1+tags))
	alone, _, err := newMachine(t).scan(t, context.Background(), all(s.host), nil)
	if err != nil {
		t.Fatal(err)
	}
	team := func(shard scan.Shard) (lines []string, taken, given int64) {
		selection := all(s.host)
		selection.Shard = shard
		m := newMachine(t)
		if m.shared, err = source.OpenShared(t.Context(), s.host+"/elsewhere/indexes", source.Options{}); err != nil {
			t.Fatal(err)
		}
		if lines, _, err = m.scan(t, t.Context(), selection, nil); err != nil {
			t.Fatal(err)
		}
		return lines, m.shared.Taken.Load(), m.shared.Given.Load()
	}
	var lines []string
	var given int64
	for i := range 3 {
		l, _, g := team(scan.Shard{Index: i, Of: 3})
		lines, given = append(lines, l...), given+g
	}
	if given != layers || len(lines) != len(alone) {
		t.Errorf("three machines put %d indexes there, and say %d lines; want %d and %d", given, len(lines), layers, len(alone))
	}
	lines, taken, given := team(scan.Shard{})
	if taken != layers || given != 0 || !slices.Equal(lines, alone) {
		t.Errorf("a machine with an empty disk took %d indexes of %d, put %d there, and says\n%q\nwant\n%q", taken, layers, given, lines, alone)
	}
}

// TestPassing: an image that is judged while its base cannot be had is judged again, once it can; one whose base is
// refused is not.
func TestPassing(t *testing.T) {
	for status, again := range map[int]bool{http.StatusNotImplemented: true, http.StatusNotFound: false} {
		s := serve(t)
		conf := &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{Env: []string{"PYTHON_VERSION=3.11.4"}}}
		base, err := mutate.ConfigFile(empty.Image, conf)
		if err != nil {
			t.Fatal(err)
		}
		if base, err = mutate.AppendLayers(base, layer(t, "usr/lib/base", 300_000)); err != nil {
			t.Fatal(err)
		}
		im, err := mutate.AppendLayers(base, layer(t, "app/main", 20_000))
		if err != nil {
			t.Fatal(err)
		}
		for ref, im := range map[string]v1.Image{"library/python:3.11": base, "team/app:1": im} {
			r, err := name.ParseReference(s.host + "/" + ref)
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(r, im); err != nil {
				t.Fatal(err)
			}
		}
		fails := true
		s.forget(func(w http.ResponseWriter, r *http.Request) bool {
			if !fails || !strings.Contains(r.URL.Path, "/library/python/manifests/") {
				return false
			}
			w.WriteHeader(status)
			return true
		})
		m := newMachine(t)
		known := func() (known bool, base string) {
			selection := &scan.Selection{Refs: []string{s.host + "/team/app:1"}}
			if _, _, err := m.scan(t, t.Context(), selection, func(r *scan.Result) {
				known = r.Known
				base = r.Image.Base.Ref
			}); err != nil {
				t.Fatal(err)
			}
			return known, base
		}
		if k, b := known(); k || b != "" {
			t.Errorf("%d: known %v, base %q", status, k, b)
		}
		fails = false
		if k, b := known(); k == again || (b == s.host+"/library/python:3.11") != again {
			t.Errorf("%d: the next run: known %v, base %q", status, k, b)
		}
	}
}

// TestForeign: names, instructions and errors of a registry reach no terminal, page or runner as they are.
func TestForeign(t *testing.T) {
	const evil = "a\x1b]0;x\a\u202e</td><script>`|[x](y)\n::error::pwned"
	size := int64(5_000_000)
	target := report.Target{
		Image: &report.Image{
			Name: evil, UnpackedBytes: &size, CompressedBytes: &size, Base: report.ImageBase{Ref: evil, Layers: 1},
			Layers: []report.Layer{{DiffID: "d", UnpackedBytes: &size, CompressedBytes: &size, CreatedBy: evil}, {DiffID: "b", UnpackedBytes: &size, CompressedBytes: &size, Base: true}},
		},
		Savings: &report.Bytes{Unpacked: 7, Download: 7},
		Findings: []report.Finding{{
			Rule: "waste-cache", Severity: "warning", Message: evil, Bytes: &report.Bytes{Unpacked: 7, Download: 7},
			Location: report.Location{Layer: "d"},
		}},
	}
	r := &scan.Result{Refs: []string{evil}, Digest: "sha256:x", Target: target}
	sum := scan.NewRollup(report.Tool{Name: "tare"})
	sum.Add(r)
	sum.Add(&scan.Result{Refs: []string{evil}, Target: report.Target{Errors: []string{evil}}})
	sum.Remarks = append(sum.Remarks, evil)
	sum.Finish()
	line, err := r.Line()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"line": string(line)}
	for _, f := range scan.Formats {
		var b bytes.Buffer
		if err := f.Write(&b, sum, false); err != nil {
			t.Fatal(err)
		}
		texts[f.Name] = b.String()
		if strings.Count(b.String(), "::error") < 3 {
			t.Errorf("%s does not show them: the test asks for nothing", f.Name)
		}
	}
	for name, text := range texts {
		for _, bad := range []string{"\x1b", "\a", "\u202e", "\n::error"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
	if strings.Contains(texts["html"], "<script") {
		t.Error("the page runs it")
	}
	for row := range strings.Lines(texts["markdown"]) {
		if strings.HasPrefix(row, "|") && strings.Count(strings.ReplaceAll(row, `\|`, ""), "|") > 6 || strings.Contains(row, "[x](y)") && !strings.Contains(row, "`") {
			t.Errorf("markdown: %s", row)
		}
	}
}
