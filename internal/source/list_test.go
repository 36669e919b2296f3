package source_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tareweight/tare/internal/source"
)

// TestTags: all pages of a list, sorted; a link that leads elsewhere, or in a circle, is an error.
func TestTags(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	asked := 0
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		repo, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v2/"), "/tags/list")
		if !ok {
			return false
		}
		asked++
		last := r.URL.Query().Get("last")
		switch {
		case repo == "many" && last == "":
			w.Header().Set("Link", `</v2/many/tags/list?n=2&last=b>; rel="next"`)
			fmt.Fprint(w, `{"name":"many","tags":["c","b"]}`)
		case repo == "many":
			fmt.Fprint(w, `{"name":"many","tags":["a","b"]}`)
		case repo == "elsewhere":
			w.Header().Set("Link", fmt.Sprintf(`<%s/v2/x/tags/list>; rel="next"`, other.URL))
			fmt.Fprint(w, `{"tags":["a"]}`)
		case repo == "circle":
			w.Header().Set("Link", fmt.Sprintf("<%s>; rel=next", r.URL))
			fmt.Fprint(w, `{"tags":["a"]}`)
		case repo == "endless":
			w.Header().Set("Link", fmt.Sprintf("</v2/endless/tags/list?last=%d>; rel=next", asked))
			fmt.Fprint(w, `{"tags":[]}`)
		case repo == "none":
			fmt.Fprint(w, `{"name":"none","tags":null}`)
		case repo == "text":
			fmt.Fprint(w, "<html>")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		return true
	})
	for repo, want := range map[string]string{
		"many": "a b c", "none": "", "elsewhere": "another host", "circle": "the same one", "endless": "more than the limit of 1000 pages",
		"text": "does not answer with a list", "gone": "no such image",
	} {
		tags, err := source.Tags(context.Background(), host+"/"+repo, source.Options{})
		got := strings.Join(tags, " ")
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", repo, got, want)
		}
	}
	if elsewhere > 0 {
		t.Error("another host was asked")
	}
	if _, err := source.Tags(context.Background(), host+"/many", source.Options{Offline: true}); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("offline: %v", err)
	}
}

// TestResolveDigest: a registry that answers a digest with another one is not believed.
func TestResolveDigest(t *testing.T) {
	asked, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	said := other
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Docker-Content-Digest", said)
		return true
	})
	ref := host + "/app@" + asked
	if got, err := source.Resolve(context.Background(), ref, source.Options{}); err == nil || !strings.Contains(err.Error(), "the registry answers with "+other) {
		t.Errorf("another: %q, %v", got, err)
	}
	said = asked
	if got, err := source.Resolve(context.Background(), ref, source.Options{}); err != nil || got != asked {
		t.Errorf("the same: %q, %v", got, err)
	}
}

// TestListBytes: a list that grows without end is given up.
func TestListBytes(t *testing.T) {
	page := `{"tags":["` + strings.Repeat(strings.Repeat("t", 98)+`","`, 30_000) + `"]}`
	asked := 0
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		asked++
		w.Header().Set("Link", fmt.Sprintf("</v2/long/tags/list?last=%d>; rel=next", asked))
		fmt.Fprint(w, page)
		return true
	})
	if _, err := source.Tags(context.Background(), host+"/long", source.Options{}); err == nil || !strings.Contains(err.Error(), "more than the limit of 33554432 bytes") || asked > 12 {
		t.Errorf("%d pages: %v", asked, err)
	}
}

// TestMirror: the neighbours of an image that is taken from a mirror are those of the registry that was named; one that the
// machine blocks is asked for no list.
func TestMirror(t *testing.T) {
	conf := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":`+
		`"application/vnd.oci.image.config.v1+json","digest":"sha256:%x","size":%d},"layers":[]}`, sha256.Sum256([]byte(conf)), len(conf))
	asked := 0
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		asked++
		switch {
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			fmt.Fprint(w, manifest)
		case strings.Contains(r.URL.Path, "/blobs/"):
			fmt.Fprint(w, conf)
		default:
			return false
		}
		return true
	})
	file := filepath.Join(t.TempDir(), "registries.conf")
	t.Setenv("CONTAINERS_REGISTRIES_CONF", file)
	write := func(format string) {
		if err := os.WriteFile(file, fmt.Appendf(nil, format, host), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[[registry]]\nlocation=\"reg.example.com\"\n[[registry.mirror]]\nlocation=\"%s/m\"\ninsecure=true\n")
	im, err := source.Open(context.Background(), "reg.example.com/app:1", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := im.Neighbour(context.Background(), "reg.example.com/python:3"); err != nil {
		t.Errorf("of the registry that was named: %v", err)
	}
	if _, err := im.Neighbour(context.Background(), host+"/m/python:3"); err == nil || !strings.Contains(err.Error(), "is of another registry") {
		t.Errorf("of the mirror's: %v", err)
	}
	write("[[registry]]\nlocation=%q\nblocked=true\n")
	asked = 0
	_, terr := source.Tags(context.Background(), host+"/app", source.Options{})
	_, rerr := source.Repositories(context.Background(), host, "", source.Options{})
	_, derr := source.Resolve(context.Background(), host+"/app:1", source.Options{})
	for _, err := range []error{terr, rerr, derr} {
		if err == nil || !strings.Contains(err.Error(), "blocks") {
			t.Errorf("blocked: %v", err)
		}
	}
	if asked > 0 {
		t.Errorf("a registry that is blocked is asked %d times", asked)
	}
}

// TestOffline: a registry is asked for nothing, whatever it is named for.
func TestOffline(t *testing.T) {
	asked := 0
	host := serve(t, func(http.ResponseWriter, *http.Request) bool { asked++; return false })
	opt := source.Options{Offline: true}
	_, open := source.Open(t.Context(), host+"/app:1", opt)
	_, tags := source.Tags(t.Context(), host+"/app", opt)
	_, repositories := source.Repositories(t.Context(), host, "", opt)
	_, resolve := source.Resolve(t.Context(), host+"/app:1", opt)
	for what, err := range map[string]error{"open": open, "tags": tags, "repositories": repositories, "resolve": resolve} {
		if err == nil || !strings.Contains(err.Error(), "--offline") {
			t.Errorf("%s: %v", what, err)
		}
	}
	shared, err := source.OpenShared(t.Context(), host+"/indexes", opt)
	if err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	if shared.Put(digest, []byte("x")); shared.Get(digest) != nil || shared.Given.Load() != 0 {
		t.Error("a shared cache is used")
	}
	if asked > 0 {
		t.Errorf("it was asked %d times", asked)
	}
}

// TestSharedLost: a shared cache that cannot be written to is tried once, and said; what is read of it is checked.
func TestSharedLost(t *testing.T) {
	var refused atomic.Int32 // the blobs are put side by side
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return false
		}
		refused.Add(1)
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	shared, err := source.OpenShared(t.Context(), host+"/indexes", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	shared.Put(digest, []byte("x"))
	before := refused.Load()
	if shared.Put(digest, []byte("y")); refused.Load() != before || before == 0 || !shared.Lost() || shared.Given.Load() != 0 {
		t.Errorf("asked %d times, then %d, lost %v", before, refused.Load()-before, shared.Lost())
	}
	if shared.Get(digest) != nil || shared.Taken.Load() != 0 {
		t.Error("what is not there is found")
	}
	if _, err := source.OpenShared(t.Context(), "UPPER/x:y", source.Options{}); err == nil || !strings.Contains(err.Error(), "want HOST/PATH") {
		t.Errorf("no repository: %v", err)
	}
}

// TestSharedFails: what fails once is put again; a repository where nothing can be put any more is given up, and one that takes
// some is not.
func TestSharedFails(t *testing.T) {
	var puts atomic.Int32
	refuse := func(int32) bool { return false }
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") || !refuse(puts.Add(1)) {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	shared, err := source.OpenShared(t.Context(), host+"/indexes", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	digest := func(n int) string { return fmt.Sprintf("sha256:%064d", n) }
	refuse = func(n int32) bool { return n%2 == 1 }
	for i := range 10 {
		shared.Put(digest(i), []byte("x"))
	}
	if shared.Given.Load() != 10 || shared.Lost() || string(shared.Get(digest(9))) != "x" {
		t.Errorf("%d given, lost %v", shared.Given.Load(), shared.Lost())
	}
	refuse = func(int32) bool { return true }
	puts.Store(0)
	for i := range 10 {
		if shared.Put(digest(100+i), []byte("x")); shared.Lost() != (i >= 4) {
			t.Errorf("after %d: lost %v", i+1, shared.Lost())
		}
	}
	if n := puts.Load(); n != 15 {
		t.Errorf("asked %d times", n)
	}
}
