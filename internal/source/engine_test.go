package source

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tareweight/tare/internal/cache"
)

var (
	layerA = strings.Repeat("a", 600)
	layerB = strings.Repeat("b", 700)
	conf   = fmt.Sprintf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}`, sha(layerA), sha(layerB))
)

// docker is an engine of Docker's API that has app:1.
func docker(t *testing.T, data []byte, change func(http.ResponseWriter, *http.Request) bool) string {
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case change != nil && change(w, r):
		case r.URL.Path == "/images/app:1/json" || r.URL.Path == "/images/r.io/team/app:1/json":
			fmt.Fprintf(w, `{"Id":"sha256:%s","Os":"linux","Architecture":"amd64"}`, sha(conf))
		case r.URL.Path == "/images/app:1/get":
			_, _ = w.Write(data)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
}

// TestEngine: an image of an engine, outright and by its bare name; what was read before is known without it.
func TestEngine(t *testing.T) {
	noEngines(t)
	kept, err := cache.Open(t.TempDir(), cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	saves := 0
	host := docker(t, saved20(t), func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/get") {
			saves++
		}
		return false
	})
	opt := Options{Cache: kept, Local: true, Limits: DefaultLimits}
	for variable, kind := range map[string]string{"DOCKER_HOST": "docker-daemon", "CONTAINER_HOST": "podman"} {
		t.Setenv(variable, host)
		for _, ref := range []string{kind + ":app:1", "app:1"} {
			im, err := Open(context.Background(), ref, opt)
			if err != nil {
				t.Fatal(ref, err)
			}
			if im.Config == nil { // the first time
				layers, err := streamOf(im)
				if problem := same(im, layers); err != nil || problem != "" {
					t.Errorf("%s: %v %s", ref, err, problem)
				}
			} else if len(im.Layers) != 2 || !im.Layers[0].Engine || im.Layers[1].DiffID != "sha256:"+sha(layerB) {
				t.Errorf("%s, known: %+v", ref, im.Layers)
			}
			if im.Name != ref || im.Kind != kind || im.Neighbour != nil {
				t.Errorf("%s: %q, %q", ref, im.Name, im.Kind)
			}
			if said := strings.Join(im.Remarks, " "); strings.Contains(said, "of this machine has ("+host+"): docker://app:1 is that of its registry") != (ref == "app:1") {
				t.Errorf("%s: remarks %q", ref, said)
			}
		}
		t.Setenv(variable, "unix:///gone")
	}
	if saves != 1 {
		t.Errorf("the image was saved %d times", saves)
	}
	if _, err := Open(context.Background(), "docker-daemon:app:1", Options{Offline: true}); err == nil || !strings.Contains(err.Error(), "unix:///gone: nothing listens there") {
		t.Errorf("no engine: %v", err)
	}
}

// TestEngineWrong: each way in which an engine fails says what was tried, and what to write instead.
func TestEngineWrong(t *testing.T) {
	noEngines(t)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	answers := func(status int, text string) string {
		return docker(t, nil, func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
			return true
		})
	}
	for _, test := range []struct{ host, want string }{
		{docker(t, nil, nil), `has no image "other:1": pull or build it, or docker://other:1 takes it from its registry`},
		{answers(500, "boom \x1b[31m"), "the engine answers 500 Internal Server Error"},
		{answers(200, "<html>"), "does not answer as a container engine does"},
		{answers(200, `{"Id":""}`), "does not answer as a container engine does"},
		{"unix:///gone/docker.sock", "it is not running, or listens elsewhere (unix:///gone/docker.sock: nothing listens there)"},
		{"ssh://me@host", "an engine behind ssh is not reached: forward its socket"},
		{"npipe:////./pipe/x", "want unix:// or tcp://"},
		{"tcp://127.0.0.1:1", "nothing listens there"},
	} {
		t.Setenv("DOCKER_HOST", test.host)
		if _, err := Open(context.Background(), "docker-daemon:other:1", Options{Limits: DefaultLimits}); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "boom") {
			t.Errorf("%s: got %v, want %q", test.host, err, test.want)
		}
	}
	t.Setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
	if _, err := Open(context.Background(), "docker-daemon:other:1", Options{Offline: true}); err == nil || !strings.Contains(err.Error(), "is not asked: --offline") {
		t.Errorf("offline, another machine: %v", err)
	}
	// One that hangs, before it answers and while it saves.
	for _, path := range []string{"/json", "/get"} {
		t.Setenv("DOCKER_HOST", docker(t, nil, func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			if path == "/get" {
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
			}
			select {
			case <-ended:
			case <-r.Context().Done():
			}
			return true
		}))
		short := 100 * time.Millisecond
		im, err := Open(context.Background(), "docker-daemon:app:1", Options{Limits: DefaultLimits, idle: short, answer: short})
		want := "does not answer within 100ms"
		if err == nil {
			_, err = streamOf(im)
			want = "takes too long to send it"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("hangs at %s: %v", path, err)
		}
	}
	// A bare name goes on to its registry, and says which engine could not be asked.
	t.Setenv("DOCKER_HOST", answers(500, ""))
	if im, notes := local(context.Background(), "app:1", Options{Limits: DefaultLimits}); im != nil || len(notes) != 1 || !strings.Contains(notes[0], `Docker is not asked for "app:1": the engine answers 500`) {
		t.Errorf("notes %q", notes)
	}
}

// TestDockerContext: the engine is that of DOCKER_HOST, else of the context that is chosen, else the usual ones.
func TestDockerContext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONTEXT", "")
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	t.Setenv("HOME", "/home/x")
	first := func() string {
		list, err := dockerAddresses()
		if err != nil {
			return err.Error()
		}
		return list[0].host
	}
	if got := first(); got != "unix:///var/run/docker.sock" {
		t.Error(got)
	}
	list, _ := dockerAddresses()
	for _, want := range []string{"unix:///run/user/7/docker.sock", "unix:///home/x/.docker/run/docker.sock", "unix:///home/x/.colima/default/docker.sock"} {
		if !slices.ContainsFunc(list, func(a address) bool { return a.host == want }) {
			t.Errorf("%s is not tried", want)
		}
	}
	meta := filepath.Join(dir, "contexts", "meta", sha("colima"))
	if err := os.MkdirAll(meta, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(meta, "meta.json"): `{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///c.sock"}}}`, filepath.Join(dir, "config.json"): `{"currentContext":"colima"}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := first(); got != "unix:///c.sock" {
		t.Error(got)
	}
	t.Setenv("DOCKER_CONTEXT", "gone")
	if got := first(); got != `docker context "gone" (DOCKER_CONTEXT): there is no such context` {
		t.Error(got)
	}
	t.Setenv("DOCKER_HOST", "unix:///h.sock")
	if got := first(); got != "unix:///h.sock" {
		t.Error(got)
	}
}
