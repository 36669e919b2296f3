package scan_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/scan"
	"github.com/tareweight/tare/internal/source"
)

// A server is a registry that counts what it is asked for, and may answer otherwise.
type server struct {
	host   string
	mu     sync.Mutex
	asked  map[string]int // "GET blobs sha256:..." without the repository
	change func(http.ResponseWriter, *http.Request) bool
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{asked: map[string]int{}}
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		for _, kind := range []string{"/blobs/", "/manifests/"} {
			if _, what, ok := strings.Cut(r.URL.Path, kind); ok {
				s.asked[r.Method+" "+strings.Trim(kind, "/")+" "+what]++
			}
		}
		change := s.change
		s.mu.Unlock()
		if change == nil || !change(w, r) {
			reg.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	s.host = strings.TrimPrefix(h.URL, "http://")
	return s
}

// forget begins to count anew, and answers with change from now on.
func (s *server) forget(change func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.change = map[string]int{}, change
}

// layer makes a layer of one file of that many bytes.
func layer(t *testing.T, path string, size int) v1.Layer {
	t.Helper()
	data := analysistest.Layer(t, []txtar.File{{Name: path, Data: bytes.Repeat([]byte(path), size/len(path))}})
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fill pushes a base and images of several repositories and tags that stand on it.
func fill(t *testing.T, host string, repositories, tags int) {
	t.Helper()
	push := func(ref string, im v1.Image) {
		r, err := name.ParseReference(host + "/" + ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(r, im); err != nil {
			t.Fatal(err)
		}
	}
	config, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	base, err := mutate.AppendLayers(config, layer(t, "etc/base", 400_000), layer(t, "usr/lib/base", 300_000))
	if err != nil {
		t.Fatal(err)
	}
	push("base/python:1", base)
	for r := range repositories {
		for n := range tags {
			im, err := mutate.AppendLayers(base, layer(t, fmt.Sprintf("app/%d", r), 20_000), layer(t, fmt.Sprintf("app/%d-%d.pyc", r, n), 70_000))
			if err != nil {
				t.Fatal(err)
			}
			push(fmt.Sprintf("team/app%d:1.%d", r, n), im)
			if n == tags-1 {
				push(fmt.Sprintf("team/app%d:latest", r), im)
			}
		}
	}
}

// A machine is where scans run: a cache and a state that outlive them.
type machine struct {
	dir, cache string
	onlyNew    bool
	shared     *source.Shared
}

func newMachine(t *testing.T) *machine { return &machine{dir: t.TempDir(), cache: t.TempDir()} }

// scan runs one scan, and returns its lines, sorted, its summary, and why it ended.
func (m *machine) scan(t *testing.T, ctx context.Context, selection *scan.Selection, each func(*scan.Result)) ([]string, *scan.Rollup, error) {
	t.Helper()
	kept, err := cache.Open(m.cache, cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	state, err := scan.OpenState(m.dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	session := new(source.Session)
	if m.shared != nil {
		kept.Far = cache.Far{Get: m.shared.Get, Put: m.shared.Put}
	}
	opt := scan.Options{
		Driver: driver.Options{Analyzers: analyzers.All, Limits: source.DefaultLimits, Cache: kept, Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)},
		Source: source.Options{Cache: kept, Limits: source.DefaultLimits, Session: session},
		State:  state, Log: slog.New(slog.DiscardHandler), Metrics: scan.NewMetrics(&session.Counts), OnlyNew: m.onlyNew,
	}
	sum := scan.NewRollup(report.Tool{Name: "tare"})
	refs, failed := selection.Find(ctx, opt.Source)
	images, unresolved, err := scan.Resolve(ctx, refs, opt.Source)
	if err != nil {
		return nil, sum, err
	}
	sum.Failed = append(sum.Failed, slices.Concat(failed, unresolved)...)
	var lines []string
	err = scan.Run(ctx, images, opt, func(r *scan.Result) {
		line, err := r.Line()
		if err != nil {
			t.Error(err)
		}
		lines = append(lines, string(line))
		sum.Add(r)
		if each != nil {
			each(r)
		}
	})
	sum.Finish()
	slices.Sort(lines)
	return lines, sum, err
}

func all(host string) *scan.Selection {
	return &scan.Selection{Patterns: []scan.Pattern{{Registry: host}}}
}
