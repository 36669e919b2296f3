package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/cli"
	"github.com/tareweight/tare/internal/report"
)

// TestTestbedListed: of an image that BuildKit wrote as eStargz, less than 3 % is fetched, and what is found is what is found
// where the registry sends it as a whole.
func TestTestbedListed(t *testing.T) {
	testbed := os.Getenv("TARE_TESTBED")
	if testbed == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run brings the testbed up")
	}
	port := os.Getenv("REGISTRY_PORT")
	if port == "" {
		port = "5000"
	}
	for _, engine := range []string{"DOCKER_HOST", "CONTAINER_HOST", "CONTAINERD_ADDRESS"} {
		t.Setenv(engine, "unix:///nowhere.sock")
	}
	var fetched atomic.Int64
	parts := true
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "localhost:" + port})
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Body = counting{r.Body, &fetched}
		return nil
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !parts {
			r.Header.Del("Range")
		}
		proxy.ServeHTTP(w, r)
	}))
	defer s.Close()
	ref := strings.Replace(strings.TrimPrefix(s.URL, "http://"), "127.0.0.1", "localhost", 1) + "/app/slim:estargz"
	check := func() (found []string, im *report.Image) {
		t.Helper()
		var out, errs bytes.Buffer
		cli.Main([]string{"check", testbed + "/apps/app-slim", "--image", ref, "--no-cache", "--no-config", "-q", "-f", "json"},
			cli.Streams{Out: &out, Err: &errs}, analyzers.All...)
		var doc report.Document
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Targets) != 1 || doc.Targets[0].Image == nil {
			t.Fatalf("%v: %s%s", err, out.Bytes(), errs.Bytes())
		}
		for _, f := range doc.Targets[0].Findings {
			found = append(found, fmt.Sprintf("%s %s %s:%d %s", f.Rule, f.Severity, f.Location.Path, f.Location.Line, f.Key))
		}
		return found, doc.Targets[0].Image
	}
	found, im := check()
	all, n := *im.CompressedBytes, fetched.Load()
	t.Logf("%d of %d bytes fetched: %.2f %%", n, all, 100*float64(n)/float64(all))
	if n*100 > all*3 || !im.Layers[0].Listed {
		t.Errorf("%d of %d bytes fetched, listed %v", n, all, im.Layers[0].Listed)
	}
	parts = false
	whole, read := check()
	if read.Layers[0].Listed || fetched.Load()-n < all {
		t.Errorf("without ranges: listed %v, %d bytes fetched", read.Layers[0].Listed, fetched.Load()-n)
	}
	if !slices.Equal(found, whole) || len(found) == 0 || *im.UnpackedBytes != *read.UnpackedBytes || len(im.Packages) != len(read.Packages) {
		t.Errorf("by its tables: %d bytes unpacked, %q; read: %d, %q", *im.UnpackedBytes, found, *read.UnpackedBytes, whole)
	}
}

type counting struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}
