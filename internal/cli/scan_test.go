package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/cli"
)

// run runs the command, and returns its status and what it prints.
func run(args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = cli.Main(args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e}, analyzers.All...)
	return status, o.String(), e.String()
}

// registryOf starts a registry that has random images under those names.
func registryOf(t *testing.T, refs ...string) (host string, images []v1.Image) {
	t.Helper()
	return registryWith(t, registry.New(registry.Logger(log.New(io.Discard, "", 0))), refs...)
}

// registryWith is registryOf with a registry that answers as it likes.
func registryWith(t *testing.T, h http.Handler, refs ...string) (host string, images []v1.Image) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	host = strings.TrimPrefix(s.URL, "http://")
	for _, ref := range refs {
		im, err := random.Image(2000, 2)
		if err != nil {
			t.Fatal(err)
		}
		r, err := name.ParseReference(host + "/" + ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(r, im); err != nil {
			t.Fatal(err)
		}
		images = append(images, im)
	}
	return host, images
}

// TestScan: the command from its arguments to its files and its status.
func TestScan(t *testing.T) {
	host, _ := registryOf(t, "team/a:1", "team/a:2", "team/b:1")
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	if err := os.WriteFile("list", []byte("# ours\n"+host+"/team/b:1 # b\n\ndocker://"+host+"/team/gone:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := run("scan", host+"/team/*", "--jsonl", "l.jsonl", "-f", "json=s.json", "-f", "markdown=s.md", "-f", "html=s.html", "-f", "text",
		"--metrics", "m.prom", "--sarif-dir", "sarif", "--log", "json")
	if status != cli.Clean || !strings.Contains(out, "3 images (3 references), 6 layers") || !strings.Contains(out, "no findings") {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	read := func(file string) string {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	lines := strings.Split(strings.TrimSpace(read("l.jsonl")), "\n")
	var line struct {
		Refs   []string
		Digest string
		Image  struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || len(lines) != 3 || line.Digest == "" || line.Image.Digest != line.Digest || len(line.Refs) != 1 {
		t.Errorf("%d lines, %+v, %v", len(lines), line, err)
	}
	for _, l := range strings.Split(strings.TrimSpace(errs), "\n") {
		if !json.Valid([]byte(l)) {
			t.Errorf("no line of JSON: %s", l)
		}
	}
	if m := read("m.prom"); !strings.Contains(m, `tare_scan_images_total{outcome="judged"} 3`) || !strings.Contains(m, "tare_scan_completed 1") {
		t.Errorf("metrics:\n%s", m)
	}
	if list, _ := filepath.Glob("sarif/*.sarif"); len(list) != 3 {
		t.Errorf("SARIF: %q", list)
	}
	for _, file := range []string{"s.json", "s.md", "s.html"} {
		if text := read(file); !strings.Contains(text, "team/a:") {
			t.Errorf("%s:\n%s", file, text)
		}
	}
	// Known from now on; what is gone is status 3, and is named.
	if status, out, _ := run("scan", host+"/team/a"); status != cli.Clean || !strings.Contains(out, "2 were judged before") {
		t.Errorf("the second run: %d: %s", status, out)
	}
	status, out, _ = run("scan", "--from", "list")
	if status != cli.Broken || !strings.Contains(out, "team/gone:1") || !strings.Contains(out, "1 could not be judged") || !strings.Contains(out, "1 image (1 reference)") {
		t.Errorf("a list: %d: %s", status, out)
	}
	if err := os.WriteFile(".tare.yaml", []byte("sizebudget: {unpacked: 1 kB}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, _ := run("scan", host+"/team/b"); status != cli.Findings || !strings.Contains(out, "1 error") {
		t.Errorf("other settings: %d: %s", status, out)
	}
	if status, _, errs := run("scan", host+"/team/b", "--fail-on", "never", "--shard", "9/3"); status != cli.Usage || !strings.Contains(errs, `shard "9/3"`) {
		t.Errorf("a shard: %d: %s", status, errs)
	}
	for _, args := range [][]string{{"scan"}, {"scan", "app"}, {"scan", host, "--log", "xml"}, {"scan", host, "--newest", "-1"}, {"scan", host, "-f", "sarif"}} {
		if status, _, errs := run(args...); status != cli.Usage || errs == "" {
			t.Errorf("%q: status %d: %s", args, status, errs)
		}
	}
	if status, _, _ := run("scan", host, "--from", "gone"); status != cli.Broken {
		t.Errorf("a list that is not there: %d", status)
	}
}
