package source

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestSameSite(t *testing.T) {
	for _, test := range []struct {
		registry, other string
		want            bool
	}{
		{"ghcr.io", "ghcr.io", true}, {"r.example.com:5000", "r.example.com", true}, {"registry.example.com", "auth.example.com", true},
		{"registry.example.com", "example.com", true}, {"index.docker.io", "auth.docker.io", true}, {"ghcr.io", "auth.ghcr.io", true},
		{"ghcr.io", "evil.io", false}, {"registry.example.com", "example.com.evil.io", false}, {"registry.example.com", "notexample.com", false},
		{"127.0.0.1:5000", "127.0.0.1:6000", true}, {"127.0.0.1", "127.0.0.2", false}, {"10.0.0.1", "1.0.0.1", false}, {"localhost:1", "evil", false},
		{"REG.example.com", "reg.EXAMPLE.com.", true}, {"a.io", "b.io", false},
	} {
		if got := sameSite(test.registry, test.other); got != test.want {
			t.Errorf("%s, %s: %v", test.registry, test.other, got)
		}
	}
}

// login makes this machine's credentials those of one registry.
func login(t *testing.T, host, user, password string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("REGISTRY_AUTH_FILE", "")
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRealmElsewhere: a registry that sends for a token to another site gets none of its user's credentials
// sent there, and the error names both.
func TestRealmElsewhere(t *testing.T) {
	var sent []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = append(sent, r.Header.Get("Authorization")+string(body))
		fmt.Fprint(w, `{"token":"t"}`)
	}))
	defer other.Close()
	realm := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/token"
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q,service=\"x\"", realm))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer registry.Close()
	host := strings.TrimPrefix(registry.URL, "http://")
	login(t, host, "me", "s3cret")
	_, err := Open(context.Background(), host+"/app:1", Options{})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
	// An identity token is sent in the body of a POST (docs.docker.com/registry/spec/auth/oauth).
	conf := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `{"auths":{%q:{"identitytoken":"s3cret"}}}`, host), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), host+"/app:1", Options{}); err == nil || !strings.Contains(err.Error(), "which is of another site: they are not sent there") {
		t.Errorf("an identity token: %v", err)
	}
	for _, a := range sent {
		if a != "" {
			t.Errorf("another site was sent %q", a)
		}
	}
	login(t, "elsewhere.example.com", "me", "s3cret") // without credentials the token may be asked for anywhere
	if _, err := Open(context.Background(), host+"/app:1", Options{}); err == nil || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("anonymous: %v", err)
	}
}

// TestCertificates: a registry whose certificate an authority of one's own signed, by the directory that Docker and
// podman keep for it, or unsigned where the user said so.
func TestCertificates(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	s.Config.ErrorLog = nil
	host := strings.Replace(strings.TrimPrefix(s.URL, "https://"), "127.0.0.1", "example.com", 1)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", home)
	direct := func(insecure ...string) string { // without a proxy: example.com is the server
		opt := Options{Insecure: insecure}
		base, err := opt.transport(host)
		if err != nil {
			return err.Error()
		}
		transport := base.(*http.Transport).Clone()
		transport.Proxy = nil
		transport.DialContext = dialTo(transport.DialContext, strings.TrimPrefix(s.URL, "https://"))
		opt.Transport = transport
		_, err = Open(context.Background(), host+"/app:1", opt)
		return fmt.Sprint(err)
	}
	if got := direct(); !strings.Contains(got, "certificate") {
		t.Errorf("nobody signed it: %s", got)
	}
	if got := direct(host); !strings.Contains(got, "no such image") {
		t.Errorf("--insecure: %s", got)
	}
	if got := direct("other.example.com"); !strings.Contains(got, "certificate") {
		t.Errorf("--insecure of another: %s", got)
	}
	dir := filepath.Join(home, ".docker/certs.d", host)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := direct(); !strings.Contains(got, "no such image") {
		t.Errorf("an authority of its own: %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "client.cert"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := direct(); !strings.Contains(got, "client.cert") || !strings.Contains(got, "cannot be read") {
		t.Errorf("a client's certificate that is none: %s", got)
	}
}

// TestInsecureHTTP: a host that the user named may speak plain HTTP.
func TestInsecureHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	host := strings.Replace(strings.TrimPrefix(s.URL, "http://"), "127.0.0.1", "plain.example.com", 1)
	open := func(insecure ...string) error {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		to := strings.TrimPrefix(s.URL, "http://")
		transport.Proxy = nil
		transport.DialContext = dialTo(transport.DialContext, to)
		_, err := Open(context.Background(), host+"/app:1", Options{Insecure: insecure, Transport: transport})
		return err
	}
	if err := open(host); err == nil || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("named: %v", err)
	}
	if err := open(); err == nil || strings.Contains(err.Error(), "no such image") {
		t.Errorf("not named: %v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("GITHUB_TOKEN", "gh")
	t.Setenv("GITHUB_ACTOR", "me")
	t.Setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "g")
	t.Setenv("AZURE_CLIENT_ID", "id")
	t.Setenv("AZURE_CLIENT_SECRET", "s")
	for host, want := range map[string]string{
		"ghcr.io": "me gh", "ghcr.io.evil.example.com": " ", "evil-ghcr.io": " ", "eu.gcr.io": "oauth2accesstoken g", "europe-docker.pkg.dev": "oauth2accesstoken g",
		"evilgcr.io": " ", "example.com": " ", "team.azurecr.io": "id s", "team.azurecr.cn": "id s", "azurecr.io.example.com": " ", "evilazurecr.io": " ",
	} {
		repo, err := name.NewRepository(host + "/app")
		if err != nil {
			t.Fatal(err)
		}
		auth, err := credentials(context.Background(), repo, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := auth.Authorization()
		if got := c.Username + " " + c.Password; err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", host, got, err, want)
		}
	}
}

// TestPlaces: where an image is pulled from, by registries.conf.
func TestPlaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registries.conf")
	t.Setenv("CONTAINERS_REGISTRIES_CONF", file)
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`
unqualified-search-registries = ["docker.io"]
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "mirror.example.com/hub"
insecure = true
[[registry.mirror]]
location = "digests.example.com"
pull-from-mirror = "digest-only"
[[registry]]
prefix = "docker.io/team"
location = "internal.example.com/team"
[[registry]]
location = "bad.example.com"
blocked = true
`)
	for ref, want := range map[string]string{
		"docker.io/library/python:3.13": "mirror.example.com/hub/library/python:3.13 insecure, docker.io/library/python:3.13",
		"docker.io/library/a@sha256:00": "mirror.example.com/hub/library/a@sha256:00 insecure, digests.example.com/library/a@sha256:00, docker.io/library/a@sha256:00",
		"docker.io/team/app:1":          "internal.example.com/team/app:1",
		"docker.io/teams/app:1":         "mirror.example.com/hub/teams/app:1 insecure, docker.io/teams/app:1",
		"docker.iox/app:1":              "docker.iox/app:1",
		"bad.example.com/app:1":         `registries.conf of this machine blocks "bad.example.com"`,
	} {
		list, err := places(ref)
		var got []string
		for _, p := range list {
			text := p.ref
			if p.insecure {
				text += " insecure"
			}
			got = append(got, text)
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: got %q, want %q", ref, s, want)
		}
	}
	write("[[registry")
	if _, err := places("a.io/b:1"); err == nil || !strings.Contains(err.Error(), "is no registries.conf") {
		t.Errorf("a broken file: %v", err)
	}
}

// TestMirror: an image is taken from its mirror, and from its registry where the mirror does not have it; both are said.
func TestMirror(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	asked := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			asked += r.Host[strings.LastIndex(r.Host, ".")+1:] + r.URL.Path + " "
		}
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	file := filepath.Join(t.TempDir(), "registries.conf")
	t.Setenv("CONTAINERS_REGISTRIES_CONF", file)
	if err := os.WriteFile(file, []byte(fmt.Sprintf("[[registry]]\nprefix=%q\nlocation=%q\n[[registry.mirror]]\nlocation=%q\n", host, host+"/origin", host+"/mirror")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), host+"/app:1", Options{})
	if err == nil || !strings.Contains(asked, "/v2/mirror/app/manifests/1") || !strings.Contains(asked, "/v2/origin/app/manifests/1") ||
		strings.Index(asked, "mirror") > strings.Index(asked, "origin") {
		t.Errorf("%v, asked %q", err, asked)
	}
}

// dialTo connects to one address, whatever is asked for.
func dialTo(dial func(context.Context, string, string) (net.Conn, error), to string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) { return dial(ctx, network, to) }
}

// TestPlain: a registry that speaks no TLS is named with the flag that lets it.
func TestPlain(t *testing.T) {
	h := httptest.NewServer(http.NotFoundHandler())
	defer h.Close()
	host := strings.TrimPrefix(h.URL, "http://")
	_, err := http.Get("https://" + host + "/v2/")
	repo, nerr := name.NewRepository(host + "/app")
	if err == nil || nerr != nil {
		t.Fatal(err, nerr)
	}
	if got, want := explain(err, repo).Error(), fmt.Sprintf("registry %q speaks plain HTTP: --insecure %[1]s lets it", host); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
