package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// many is how many images TestTestbedMany makes, over how many repositories.
const (
	many         = 500
	repositories = 40
)

// A watched registry counts what it is asked for.
type watchedRegistry struct {
	host  string
	mu    sync.Mutex
	asked map[string]int // "GET blobs/sha256:..." and so on
	bytes int64
}

func watch(t *testing.T, port string) *watchedRegistry {
	w := &watchedRegistry{asked: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "localhost:" + port})
	proxy.ModifyResponse = func(r *http.Response) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, kind := range []string{"blobs", "manifests"} {
			if repo, what, ok := strings.Cut(strings.TrimPrefix(r.Request.URL.Path, "/v2/"), "/"+kind+"/"); ok {
				if strings.HasPrefix(repo, "many-cache") {
					what = "shared " + what
				}
				w.asked[r.Request.Method+" "+kind+" "+what]++
				w.bytes += max(0, r.ContentLength)
			}
		}
		return nil
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0) // of runs that are killed
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	w.host = strings.Replace(strings.TrimPrefix(s.URL, "http://"), "127.0.0.1", "localhost", 1)
	return w
}

// count forgets what was asked, after it has summed up the requests whose names begin so, and the most of one.
func (w *watchedRegistry) count(prefix string, among map[string]bool) (sum, most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for what, n := range w.asked {
		if d := what[strings.LastIndexByte(what, ' ')+1:]; strings.HasPrefix(what, prefix) && (among == nil || among[d]) {
			sum, most = sum+n, max(most, n)
		}
	}
	return sum, most
}

func (w *watchedRegistry) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.bytes = map[string]int{}, 0
}

// makeMany puts images into the testbed's registry: new manifests over the layers that are there, each with a small one of its
// own. It returns the digests of all layers.
func makeMany(t *testing.T, host string) map[string]bool {
	t.Helper()
	var bases []v1.Image
	for _, ref := range []string{"library/python:3.11-slim", "library/debian:bookworm-slim", "app/slim:1.0.0"} {
		r, err := name.ParseReference(host + "/" + ref)
		if err != nil {
			t.Fatal(err)
		}
		im, err := remote.Image(r)
		if err != nil {
			t.Fatal(err)
		}
		bases = append(bases, im)
	}
	layers := map[string]bool{}
	work := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range work {
				im, err := mutate.AppendLayers(bases[i%len(bases)], oneFile(t, i))
				if err == nil {
					var r name.Reference
					if r, err = name.ParseReference(fmt.Sprintf("%s/many/r%02d:v%d", host, i%repositories, i/repositories)); err == nil {
						err = remote.Write(r, im)
					}
				}
				if err != nil {
					t.Error(err)
					continue
				}
				list, err := im.Layers()
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, l := range list {
					if d, err := l.Digest(); err == nil {
						layers[d.String()] = true
					}
				}
				mu.Unlock()
			}
		})
	}
	for i := range many {
		work <- i
	}
	close(work)
	wg.Wait()
	return layers
}

func oneFile(t *testing.T, i int) v1.Layer {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	data := []byte(strings.Repeat(fmt.Sprintln("image", i), 50))
	if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("app/%d.txt", i), Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
		t.Error(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Error(err)
	}
	return l
}

// TestTestbedMany: a registry of many images that share bases: each blob is fetched once, the next run fetches none, a run that
// is killed goes on, machines that share the work and what they read find the same, and Prometheus takes the metrics.
func TestTestbedMany(t *testing.T) {
	if os.Getenv("TARE_TESTBED") == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run brings the testbed up")
	}
	port := os.Getenv("REGISTRY_PORT")
	if port == "" {
		port = "5000"
	}
	start := time.Now()
	layers := makeMany(t, "localhost:"+port)
	t.Logf("%d images over %d repositories made in %.1f s, %d layers", many, repositories, time.Since(start).Seconds(), len(layers))
	reg := watch(t, port)
	dir := t.TempDir()
	tare := filepath.Join(dir, "tare")
	if out, err := exec.Command("go", "build", "-o", tare, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// command is a scan with a state and a cache of its own.
	command := func(machine string, more ...string) *exec.Cmd {
		own := filepath.Join(dir, machine)
		if err := os.MkdirAll(own, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"scan", reg.host + "/many/*", "--no-config", "--fail-on", "never", "--cache-dir", own, "--jsonl", own + ".jsonl", "-f", "json=" + own + ".json"}, more...)
		c := exec.Command(tare, args...)
		c.Env = append(os.Environ(), "DOCKER_CONFIG="+dir)
		c.Dir = dir
		return c
	}
	scan := func(machine string, more ...string) (took time.Duration, peak int64) {
		t.Helper()
		c := command(machine, more...)
		start := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", machine, err, out)
		}
		return time.Since(start), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * 1024
	}
	lines := func(machines ...string) string {
		t.Helper()
		var all []string
		for _, m := range machines {
			b, err := os.ReadFile(filepath.Join(dir, m+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.Split(strings.TrimSpace(string(b)), "\n")...)
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}

	took, peak := scan("first", "--metrics", filepath.Join(dir, "metrics"))
	blobs, most := reg.count("GET blobs", nil)
	t.Logf("first run: %.1f s, peak %d MB, %d blobs fetched, %d MB", took.Seconds(), peak>>20, blobs, reg.bytes>>20)
	if most != 1 || peak > 300<<20 || strings.Count(lines("first"), "\n")+1 != many {
		t.Errorf("a blob is fetched %d times, peak %d bytes, %d results", most, peak, strings.Count(lines("first"), "\n")+1)
	}
	if promtool, err := exec.LookPath("promtool"); err == nil {
		c := exec.Command(promtool, "check", "metrics")
		f, err := os.Open(filepath.Join(dir, "metrics"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.Stdin = f
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool: %v: %s", err, out)
		}
	}
	want := lines("first")
	reg.forget()
	took, _ = scan("first")
	gets, _ := reg.count("GET", nil)
	t.Logf("second run: %.1f s, %d GETs of blobs and manifests", took.Seconds(), gets)
	if gets != 0 || lines("first") != want {
		t.Errorf("the second run: %d GETs, equal %v", gets, lines("first") == want)
	}

	killed := 0
	for range 10 {
		c := command("killed")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+rand.IntN(600)) * time.Millisecond)
		_ = c.Process.Kill()
		if err := c.Wait(); err != nil {
			killed++
		}
	}
	scan("killed")
	if killed == 0 || lines("killed") != want {
		t.Errorf("killed %d times: equal %v", killed, lines("killed") == want)
	}
	t.Logf("killed %d times, and gone on", killed)

	reg.forget()
	shared := reg.host + "/many-cache/" + fmt.Sprint(time.Now().UnixNano())
	var wg sync.WaitGroup
	var machines []string
	for i := range 4 {
		machines = append(machines, fmt.Sprintf("shard%d", i))
		wg.Go(func() {
			if out, err := command(machines[i], "--shard", fmt.Sprintf("%d/4", i), "--shared-cache", shared).CombinedOutput(); err != nil {
				t.Errorf("shard %d: %v: %s", i, err, out)
			}
		})
	}
	wg.Wait()
	sum, most := reg.count("GET blobs sha256:", layers)
	t.Logf("four shards at once: %d fetches of %d layers, %d of one at most", sum, len(layers), most)
	if lines(machines...) != want || sum > 2*len(layers) {
		t.Errorf("shards: equal %v, %d fetches of %d layers", lines(machines...) == want, sum, len(layers))
	}
	reg.forget()
	scan("fifth", "--shared-cache", shared)
	if sum, _ := reg.count("GET blobs sha256:", layers); sum != 0 {
		t.Errorf("a fifth machine fetches %d layers", sum)
	}
	scraped(t, dir, func(at string) *exec.Cmd { return command("scraped", "--listen", at) })
}

// scraped has a real Prometheus, where there is one, take the metrics of a scan while it runs.
func scraped(t *testing.T, dir string, scan func(listen string) *exec.Cmd) {
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Log("prometheus is not there: the metrics are not scraped")
		return
	}
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	metrics, api := free(), free()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n- {job_name: tare, static_configs: [{targets: [%q]}]}\n", metrics)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(prometheus, "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", api)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	ask := func(path string) string {
		res, err := http.Get("http://" + api + path)
		if err != nil {
			return ""
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	for end := time.Now().Add(30 * time.Second); !strings.Contains(ask("/-/ready"), "Ready") && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	if out, err := scan(metrics).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	query := "/api/v1/query?query=" + url.QueryEscape(`max_over_time(tare_registry_received_bytes_total{job="tare"}[5m]) > 0`)
	if got := ask(query); !strings.Contains(got, `"instance":"`+metrics+`"`) {
		t.Errorf("Prometheus has %s", got)
	}
}
