package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tareweight/tare/internal/cache"
)

// cut is a response that breaks off after some bytes of its body.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) > c.left {
		n, _ := c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		c.left -= n
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// slow is a response that comes in small pieces.
type slow struct {
	http.ResponseWriter
	n int
}

func (s *slow) Write(p []byte) (int, error) {
	done := 0
	for piece := range slices.Chunk(p, 20_000) {
		if s.n++; s.n%4 == 0 {
			time.Sleep(time.Millisecond)
		}
		n, err := s.ResponseWriter.Write(piece)
		if done += n; err != nil {
			return done, err
		}
		s.ResponseWriter.(http.Flusher).Flush()
	}
	return done, nil
}

// stalling is a response that gives nothing more after some bytes, until the
// other side hangs up.
type stalling struct {
	http.ResponseWriter
	left int
	gone context.Context
}

func (s *stalling) Write(p []byte) (int, error) {
	if len(p) > s.left {
		s.ResponseWriter.Write(p[:s.left])
		s.ResponseWriter.(http.Flusher).Flush()
		<-s.gone.Done()
		panic(http.ErrAbortHandler)
	}
	s.left -= len(p)
	return s.ResponseWriter.Write(p)
}

// lying is a response whose Content-Length is wrong, two times of three; of one
// that is too small no more than that is sent.
type lying struct {
	http.ResponseWriter
	n    int64
	more int
	left int // bytes of the body, and one more; 0 if not known
}

func (l *lying) Write(p []byte) (int, error) {
	if l.left == 0 {
		l.left = 1 << 30
	}
	n := min(len(p), l.left-1)
	l.left -= n
	_, err := l.ResponseWriter.Write(p[:n])
	return len(p), err
}

func (l *lying) WriteHeader(status int) {
	if size, err := strconv.Atoi(l.Header().Get("Content-Length")); err == nil && l.n%3 != 0 {
		l.Header().Set("Content-Length", strconv.Itoa(size+l.more))
		l.left = size + l.more + 1
	}
	l.ResponseWriter.WriteHeader(status)
}

// quiet is a server that does not log what it does on purpose.
func quiet(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	return s
}

// TestFailingRegistry reads an image from a registry that fails on purpose:
// the result is the same as without.
func TestFailingRegistry(t *testing.T) {
	im, err := random.Image(300_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name_, misbehave := range map[string]func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool{
		"429 with Retry-After": func(n int64, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			if n%2 == 0 {
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			return false
		},
		"500s": func(n int64, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			if n%3 != 0 {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			return false
		},
		"resets inside a blob": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if strings.Contains(r.URL.Path, "/blobs/") && n%4 != 0 {
				next.ServeHTTP(&cut{w, 50_000}, r)
				return true
			}
			return false
		},
		"no ranges": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			r.Header.Del("Range")
			if strings.Contains(r.URL.Path, "/blobs/") && n%2 == 0 {
				next.ServeHTTP(&cut{w, 200_000}, r)
				return true
			}
			return false
		},
		"slow bodies": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			next.ServeHTTP(&slow{w, 0}, r)
			return true
		},
		"bodies that stall": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if n%3 == 0 {
				return false
			}
			left := 100_000
			if strings.Contains(r.URL.Path, "/manifests/") {
				left = 100
			}
			next.ServeHTTP(&stalling{w, left, r.Context()}, r)
			return true
		},
		"bodies that stall, and no ranges": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			r.Header.Del("Range")
			if n%3 == 0 {
				return false
			}
			next.ServeHTTP(&stalling{w, 50_000 * int(n%5+1), r.Context()}, r)
			return true
		},
		"errors that stall": func(n int64, w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			if n%3 == 0 {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte("wait"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		},
		"a Content-Length that is too small": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			next.ServeHTTP(&lying{w, n, -40, 0}, r)
			return true
		},
		"a Content-Length that is too large": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			next.ServeHTTP(&lying{w, n, 40, 0}, r)
			return true
		},
		"resets before an answer": func(n int64, _ http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			if n%2 == 0 {
				panic(http.ErrAbortHandler)
			}
			return false
		},
	} {
		t.Run(name_, func(t *testing.T) {
			reg := fake.New(fake.Logger(log.New(io.Discard, "", 0)))
			var n atomic.Int64
			var misbehaving atomic.Bool
			s := quiet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !misbehaving.Load() || !misbehave(n.Add(1), w, r, reg) {
					reg.ServeHTTP(w, r)
				}
			}))
			defer s.Close()
			host := strings.TrimPrefix(s.URL, "http://")
			ref, err := name.ParseReference(host + "/app:1")
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(ref, im); err != nil {
				t.Fatal(err)
			}
			misbehaving.Store(true)
			var asked time.Duration
			got, err := Open(context.Background(), host+"/app:1", Options{idle: 50 * time.Millisecond, wait: func(_ context.Context, d time.Duration) error {
				asked = max(asked, d)
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range got.Layers {
				rc, err := l.Open(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				h := sha256.New()
				size, err := io.Copy(h, rc)
				if d := fmt.Sprintf("sha256:%x", h.Sum(nil)); err != nil || size != l.Size || d != l.Digest {
					t.Errorf("%d of %d bytes, %s, want %s: %v", size, l.Size, d, l.Digest, err)
				}
				rc.Close()
			}
			if strings.HasPrefix(name_, "429") && asked != 3*time.Second {
				t.Errorf("waited %v, Retry-After says 3 s", asked)
			}
		})
	}
}

// TestEndless: what a registry and its token service send without an end is an
// error, and soon.
func TestEndless(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}
	var s *httptest.Server
	s = quiet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/token":
			w.Write([]byte(`{"token": "`))
			endless(w, r)
		}
	}))
	defer s.Close()
	plain := quiet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			endless(w, r)
		}
	}))
	defer plain.Close()
	for _, url := range []string{s.URL, plain.URL} {
		_, err := Open(context.Background(), strings.TrimPrefix(url, "http://")+"/app:1", Options{wait: func(context.Context, time.Duration) error { return nil }})
		if err == nil || !strings.Contains(err.Error(), "limit") {
			t.Errorf("%v", err)
		}
	}
}

// TestNobody: where nobody listens is waited for once, though a manifest that may be kept is
// asked for twice.
func TestNobody(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}
	}))
	defer s.Close()
	kept, err := cache.Open(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	waits := 0
	_, err = Open(context.Background(), strings.TrimPrefix(s.URL, "http://")+"/app:1", Options{
		Cache: kept,
		wait:  func(context.Context, time.Duration) error { waits++; return nil },
	})
	if err == nil || !strings.Contains(err.Error(), "led to): dial tcp 127.0.0.1:1: connect: connection refused") || waits != attempts-1 {
		t.Errorf("%d waits: %v", waits, err)
	}
}

// TestGivesUp: a registry that never recovers is an error, and soon.
func TestGivesUp(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.Header().Set("Retry-After", strconv.Itoa(int(rand.N(int64(2)))))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer s.Close()
	_, err := Open(context.Background(), strings.TrimPrefix(s.URL, "http://")+"/app:1", Options{wait: func(context.Context, time.Duration) error { return nil }})
	if err == nil || !strings.Contains(err.Error(), "503") && !strings.Contains(err.Error(), "Service Unavailable") {
		t.Errorf("%v", err)
	}
	if n.Load() > 4*attempts {
		t.Errorf("%d requests", n.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, strings.TrimPrefix(s.URL, "http://")+"/app:1", Options{}); err == nil {
		t.Error("a cancelled run opens an image")
	}
}

// TestPatience: what comes, but would never end, is an error by its limit: a
// layer that drips, one that each connection brings a byte of, documents that
// drip, waits that repeat.
func TestPatience(t *testing.T) {
	im, err := random.Image(300_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := im.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	drip := func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "300000")
		for r.Context().Err() == nil && r.Method != http.MethodHead {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
		return true
	}
	layer := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, manifest.Layers[0].Digest.String()) }
	for what, test := range map[string]struct {
		misbehave func(w http.ResponseWriter, r *http.Request) bool
		want      string
	}{
		"a layer that drips": {func(w http.ResponseWriter, r *http.Request) bool { return layer(r) && drip(w, r) }, "sends less than 4096 bytes a second"},
		"a byte a connection": {func(w http.ResponseWriter, r *http.Request) bool {
			if layer(r) {
				w.Header().Set("Content-Length", "300000")
				w.Write([]byte("x"))
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			return false
		}, "broke off 5 times"},
		"a configuration that drips": {func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, manifest.Config.Digest.String()) && drip(w, r)
		}, "sends less than 4096 bytes a second"},
		"a manifest that drips": {func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/manifests/") && drip(w, r)
		}, "takes more than 100ms to send a document"},
		"a token that drips": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v2/" {
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			return r.URL.Path == "/token" && drip(w, r)
		}, "takes "},
		"Retry-After again and again": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "59")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, "429"},
	} {
		t.Run(what, func(t *testing.T) {
			reg := fake.New(fake.Logger(log.New(io.Discard, "", 0)))
			var misbehaving atomic.Bool
			s := quiet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !misbehaving.Load() || !test.misbehave(w, r) {
					reg.ServeHTTP(w, r)
				}
			}))
			defer s.Close()
			defer s.CloseClientConnections()
			host := strings.TrimPrefix(s.URL, "http://")
			ref, err := name.ParseReference(host + "/app:1")
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(ref, im); err != nil {
				t.Fatal(err)
			}
			misbehaving.Store(true)
			var waited atomic.Int64
			got, err := Open(context.Background(), host+"/app:1", Options{idle: 50 * time.Millisecond, wait: func(_ context.Context, d time.Duration) error {
				waited.Add(int64(d))
				return nil
			}})
			if err == nil {
				var rc io.ReadCloser
				if rc, err = got.Layers[0].Open(context.Background()); err == nil {
					_, err = io.Copy(io.Discard, rc)
					rc.Close()
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if d := time.Duration(waited.Load()); d > 3*longestWait {
				t.Errorf("waited %v", d)
			}
		})
	}
}
