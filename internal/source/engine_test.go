package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tareweight/tare/internal/cache"
)

// noEngines makes this machine's engines those that the test starts.
func noEngines(t *testing.T) {
	t.Helper()
	gone := "unix://" + filepath.Join(t.TempDir(), "gone.sock")
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "CONTAINERD_ADDRESS"} {
		t.Setenv(name, gone)
	}
}

// listen serves h on a socket, and returns its address.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tare") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return "unix://" + path
}

// A member is one file of an archive; a link where to is set.
type member struct {
	name, text, to string
	hard           bool
}

func archive(t *testing.T, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.text)), Typeflag: tar.TypeReg}
		if m.to != "" {
			if h.Typeflag, h.Linkname = tar.TypeSymlink, m.to; m.hard {
				h.Typeflag = tar.TypeLink
			}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sha(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

var (
	layerA = strings.Repeat("a", 600)
	layerB = strings.Repeat("b", 700)
	conf   = fmt.Sprintf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}`, sha(layerA), sha(layerB))
)

// saved20 is an archive as Docker 20.10 writes it: layers before what names them, and an equal one as a link.
func saved20(t *testing.T) []byte {
	return archive(t, member{name: "1/VERSION", text: "1.0"}, member{name: "1/json", text: "{}"}, member{name: "1/layer.tar", text: layerA},
		member{name: "x.tar", text: layerB}, member{name: "2/layer.tar", to: "../x.tar"}, member{name: sha(conf) + ".json", text: conf},
		member{name: "manifest.json", text: fmt.Sprintf(`[{"Config":"%s.json","RepoTags":["app:1"],"Layers":["1/layer.tar","2/layer.tar"]}]`, sha(conf))})
}

// oci is an OCI layout as an archive, with a manifest.json beside it where both is set, as Docker 29 has it.
func oci(t *testing.T, both bool) []byte {
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[`+
		`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":600},{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":700}]}`,
		sha(conf), len(conf), sha(layerA), sha(layerB))
	blob := func(text string) member { return member{name: "blobs/sha256/" + sha(text), text: text} }
	list := []member{blob(layerB), blob(conf), blob(layerA), blob(manifest), {name: "oci-layout", text: `{"imageLayoutVersion":"1.0.0"}`},
		{name: "index.json", text: fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d}]}`, sha(manifest), len(manifest))}}
	if both {
		list = append(list, member{name: "manifest.json", text: fmt.Sprintf(`[{"Config":"blobs/sha256/%s","RepoTags":["app:1"],"Layers":["blobs/sha256/%s","blobs/sha256/%s"]}]`, sha(conf), sha(layerA), sha(layerB))})
	}
	return archive(t, list...)
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// streamOf reads an image that comes in one piece, and returns its layers' bytes by the names that they have then.
func streamOf(im *Image) (layers map[string]string, err error) {
	layers = map[string]string{}
	err = im.Stream(context.Background(), func(name string, _ int64, r io.Reader) error {
		b, err := io.ReadAll(r)
		layers[name] = string(b)
		return err
	})
	return layers, err
}

// same reports what is wrong with an image that was read in one piece.
func same(im *Image, layers map[string]string) string {
	if im.Config == nil || len(im.Layers) != 2 {
		return fmt.Sprintf("%d layers, configuration %v", len(im.Layers), im.Config)
	}
	for i, want := range []string{layerA, layerB} {
		if got := layers[im.Layers[i].File]; got != want || im.Layers[i].DiffID != "sha256:"+sha(want) {
			return fmt.Sprintf("layer %d, %q: %.10q, %s", i, im.Layers[i].File, got, im.Layers[i].DiffID)
		}
	}
	return ""
}

// TestStdin: an archive from standard input, whoever wrote it and however it is compressed.
func TestStdin(t *testing.T) {
	for ref, data := range map[string][]byte{
		"docker-archive:-": saved20(t), "docker-archive:-:app:1": gzipped(t, saved20(t)), "oci-archive:-": oci(t, false),
		"docker-archive:-:": zstandard(t, oci(t, true)), "oci-archive:-:": oci(t, true),
	} {
		im, err := Open(context.Background(), strings.TrimSuffix(ref, ":"), Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(ref, err)
		}
		layers, err := streamOf(im)
		if problem := same(im, layers); err != nil || problem != "" {
			t.Errorf("%s: %v %s", ref, err, problem)
		}
		if docker := strings.HasPrefix(ref, "docker"); docker != (im.Layers[0].Digest == "") {
			t.Errorf("%s: digest %q", ref, im.Layers[0].Digest)
		}
		if name, _ := strings.CutSuffix(ref, ":"); im.Name != name {
			t.Errorf("%s is called %q", ref, im.Name)
		}
	}
	// A file that is compressed as a whole is read so too.
	file := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := os.WriteFile(file, gzipped(t, saved20(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := Open(context.Background(), "docker-archive:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if layers, err := streamOf(im); err != nil || same(im, layers) != "" {
		t.Errorf("a compressed file: %v %s", err, same(im, layers))
	}
}

// TestStdinWrong: what is no image says so.
func TestStdinWrong(t *testing.T) {
	limits := DefaultLimits
	limits.Entries = 3
	lacking := archive(t, member{name: "c.json", text: conf}, member{name: "manifest.json", text: `[{"Config":"c.json","Layers":["1/layer.tar","2/layer.tar"]}]`})
	two := archive(t, member{name: "manifest.json", text: `[{"RepoTags":["a:1"]},{"RepoTags":["b:2"]}]`})
	for want, test := range map[string]struct {
		data []byte
		opt  Options
	}{
		"it is empty: nothing came":                     {nil, Options{}},
		"it is no tar archive":                          {[]byte(strings.Repeat("hello ", 300)), Options{}},
		"neither manifest.json nor index.json":          {archive(t, member{name: "a", text: "b"}), Options{}},
		`it holds no "1/layer.tar", which is a layer`:   {lacking, Options{}},
		"it holds 2 images: add :REFERENCE, one of a:1": {two, Options{}},
		"more than the limit of 3 (--max-entries)":      {saved20(t), Options{Limits: limits}},
		"unexpected EOF":                                {saved20(t)[:3000], Options{}},
		"it is no tar archive: un":                      {append(gzipped(t, saved20(t))[:30], "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"...), Options{}},
	} {
		test.opt.Stdin = bytes.NewReader(test.data)
		im, err := Open(context.Background(), "docker-archive:-", test.opt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := streamOf(im); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "docker-archive:-") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Open(context.Background(), "oci-archive:-", Options{}); err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("without standard input: %v", err)
	}
}

// TestLayerFails: what is wrong with a layer counts where it is one of the image's; a limit ends all.
func TestLayerFails(t *testing.T) {
	read := func(fails string, with error) error {
		im, err := Open(context.Background(), "docker-archive:-", Options{Stdin: bytes.NewReader(slices.Concat(archive(t, member{name: "stray", text: layerA})[:1024+512], saved20(t)))})
		if err != nil {
			t.Fatal(err)
		}
		return im.Stream(context.Background(), func(name string, _ int64, _ io.Reader) error {
			if name == fails {
				return with
			}
			return nil
		})
	}
	if err := read("stray", errors.New("no tar")); err != nil {
		t.Errorf("a file that is no layer: %v", err)
	}
	if err := read("x.tar", errors.New("no tar")); err == nil || !strings.Contains(err.Error(), `layer 1, "x.tar": no tar`) {
		t.Errorf("a layer, by its link: %v", err)
	}
	var le *LimitError
	if err := read("stray", &LimitError{"x", 1, "--y"}); !errors.As(err, &le) {
		t.Errorf("a limit: %v", err)
	}
}

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

// TestEngineKnown: what is kept of an image is believed only where it is the configuration of one of the platform that
// is asked for. An engine that keeps images as containerd does names a manifest.
func TestEngineKnown(t *testing.T) {
	noEngines(t)
	kept, err := cache.Open(t.TempDir(), cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":"sha256:%s","size":%d},"layers":[]}`, sha(conf), len(conf))
	kept.PutDocument("sha256:"+sha(manifest), []byte(manifest))
	kept.PutDocument("sha256:"+sha(conf), []byte(conf))
	id := sha(manifest)
	t.Setenv("DOCKER_HOST", docker(t, saved20(t), func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/json") {
			fmt.Fprintf(w, `{"Id":"sha256:%s","Os":"linux","Architecture":"amd64"}`, id)
			return true
		}
		return false
	}))
	im, err := Open(context.Background(), "docker-daemon:app:1", Options{Cache: kept, Limits: DefaultLimits})
	if err != nil || im.Config != nil || len(im.Layers) != 0 {
		t.Fatalf("a manifest's Id: %+v, %v", im, err)
	}
	if layers, err := streamOf(im); err != nil || same(im, layers) != "" {
		t.Errorf("a manifest's Id: %v", err)
	}
	id = sha(conf)
	im, err = Open(context.Background(), "docker-daemon:app:1", Options{Cache: kept, Limits: DefaultLimits, Platform: "linux/arm64"})
	if err == nil || !strings.Contains(err.Error(), "not for linux/arm64") {
		t.Errorf("another platform: %+v, %v", im, err)
	}
}

// TestStreamGrows: what a compressed archive becomes is limited, whatever it is; what stands behind its end is not
// decompressed; its file is closed.
func TestStreamGrows(t *testing.T) {
	packed := func(behind bool) string {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		tw := tar.NewWriter(w)
		if !behind {
			if err := tw.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 3 << 30}); err != nil {
				t.Fatal(err)
			}
			_, _ = io.CopyN(tw, zeros{}, 3<<30)
		}
		for _, f := range []string{"oci-layout", "index.json"} {
			if err := tw.WriteHeader(&tar.Header{Name: f, Typeflag: tar.TypeReg, Size: 2}); err != nil {
				t.Fatal(err)
			}
			_, _ = tw.Write([]byte("{}"))
		}
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		if behind {
			_, _ = io.CopyN(w, zeros{}, 3<<30)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "a.tar.zst")
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for behind, want := range map[bool]string{false: "(--max-ratio)", true: "it holds no image"} {
		im, err := Open(context.Background(), "oci-archive:"+packed(behind), Options{Limits: DefaultLimits})
		if err != nil {
			t.Fatal(err)
		}
		err = im.Stream(context.Background(), func(string, int64, io.Reader) error { return errors.New("it is no layer") })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("behind the end %v: %v", behind, err)
		}
	}
	name := filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(name, gzipped(t, saved20(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := Open(context.Background(), "docker-archive:"+name, Options{Limits: DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streamOf(im); err != nil || im.closer == nil {
		t.Errorf("the file is not closed: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

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

// TestContainerd: an image of containerd by its content store, whichever namespace it is in.
func TestContainerd(t *testing.T) {
	noEngines(t)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[`+
		`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":600},{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":700}]}`,
		sha(conf), len(conf), sha(layerA), sha(layerB))
	blobs := map[string]string{}
	for _, text := range []string{manifest, conf, layerA} { // layer B was discarded
		blobs["sha256:"+sha(text)] = text
	}
	text := func(n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), s)
	}
	var namespaces []string
	t.Setenv("CONTAINERD_ADDRESS", strings.TrimPrefix(listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked := string(field(body[5:], 1))
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		send := func(m []byte) {
			head := make([]byte, 5)
			binary.BigEndian.PutUint32(head[1:], uint32(len(m)))
			_, _ = w.Write(append(head, m...))
		}
		status := "0"
		switch {
		case strings.HasSuffix(r.URL.Path, "Images/Get"):
			namespaces = append(namespaces, r.Header.Get("Containerd-Namespace"))
			if status = "5"; asked == "docker.io/library/app:1" && r.Header.Get("Containerd-Namespace") == "k8s.io" {
				target := slices.Concat(text(1, "application/vnd.oci.image.manifest.v1+json"), text(2, "sha256:"+sha(manifest)),
					protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(len(manifest))))
				send(text(1, string(slices.Concat(text(1, asked), text(3, string(target))))))
				status = "0"
			}
		case blobs[asked] != "":
			for s := blobs[asked]; s != ""; {
				n := min(len(s), 100)
				send(slices.Concat(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7), text(2, s[:n])))
				s = s[n:]
			}
		default:
			status = "5"
		}
		w.Header().Set("Grpc-Status", status)
	})), "unix://"))
	im, err := Open(context.Background(), "containerd:app:1", Options{Limits: DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	if im.Kind != "containerd" || im.Digest != "sha256:"+sha(manifest) || len(im.Layers) != 2 || im.Layers[1].Size != 700 || strings.Join(namespaces, " ") != "default k8s.io" {
		t.Errorf("%+v, namespaces %q", im, namespaces)
	}
	rc, err := im.Layers[0].Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(rc); err != nil || string(got) != layerA {
		t.Errorf("layer: %.10q, %v", got, err)
	}
	if rc, err = im.Layers[1].Open(context.Background()); err == nil {
		_, err = io.ReadAll(rc)
	}
	if err == nil || !strings.Contains(err.Error(), "does not keep the compressed layers") {
		t.Errorf("a layer that was discarded: %v", err)
	}
	if _, err := Open(context.Background(), "containerd:app:2", Options{Limits: DefaultLimits}); err == nil || !strings.Contains(err.Error(), `has no image "app:2"`) {
		t.Errorf("an image that is not there: %v", err)
	}
	t.Setenv("CONTAINERD_ADDRESS", docker(t, nil, nil))
	if _, err := Open(context.Background(), "containerd:app:1", Options{Limits: DefaultLimits}); err == nil || !strings.Contains(err.Error(), "does not answer as containerd does") {
		t.Errorf("another engine: %v", err)
	}
}

// TestFields: a message that is cut off, or made up, is no panic.
func FuzzFields(f *testing.F) {
	f.Add([]byte{0x0a, 0x03, 'a', 'b', 'c', 0x18, 0x07})
	f.Fuzz(func(t *testing.T, message []byte) {
		if got := field(message, 1); len(got) > len(message) {
			t.Fatal(len(got))
		}
		number(message, 3)
	})
}
