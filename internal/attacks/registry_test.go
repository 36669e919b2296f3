package attacks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve is a registry that serves the layout called "image" as x, but for what
// wrong answers itself: it returns true then.
func serve(t *testing.T, dir string, wrong func(w http.ResponseWriter, r *http.Request) bool) (host string) {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(dir, "image/index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ix struct {
		Manifests []struct{ Digest, MediaType string }
	}
	if err := json.Unmarshal(index, &ix); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wrong != nil && wrong(w, r) {
			return
		}
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if strings.Contains(r.URL.Path, "/manifests/") {
			if !strings.HasPrefix(name, "sha256:") {
				name = ix.Manifests[0].Digest
			}
			w.Header().Set("Content-Type", ix.Manifests[0].MediaType)
			w.Header().Set("Docker-Content-Digest", name)
		} else if r.URL.Path == "/v2/" {
			return
		}
		http.ServeFile(w, r, filepath.Join(dir, "image/blobs/sha256", strings.TrimPrefix(name, "sha256:")))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return strings.TrimPrefix(s.URL, "http://")
}

// registry serves a small image, and returns the arguments that check it.
func registry(wrong func(w http.ResponseWriter, r *http.Request) bool, args ...string) func(*testing.T, string) []string {
	return func(t *testing.T, dir string) []string {
		image(nil, one(distributions(1, 200_000)))(t, dir)
		host := serve(t, dir, wrong)
		login := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("u:"+canary)))
		write(t, filepath.Join(filepath.Dir(dir), "home/.docker/config.json"), login)
		return append(every(args...), host+"/x:1")
	}
}

// drip sends a body a byte at a time.
func drip(w http.ResponseWriter, r *http.Request, every time.Duration, body []byte) bool {
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodHead { // has no body, and nobody to hang up
		return true
	}
	for i := range body {
		if _, err := w.Write(body[i : i+1]); err != nil {
			return true
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return true
		case <-time.After(every):
		}
	}
	return true
}

// TestRegistries: a registry ends neither never nor with the credentials that it
// was sent in what is printed.
func TestRegistries(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request, status int) bool {
		user, password, _ := r.BasicAuth()
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		if r.URL.Path == "/v2/" && password == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		w.Header().Set("Docker-Content-Digest", "sha256:"+password)
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors": [{"code": "DENIED", "message": "%s %s %s", "detail": %q}]}`, user, password, r.Header.Get("Authorization"), r.Header)
		return true
	}
	attacks := map[string]attack{
		"none of it": {make: registry(nil), status: []int{0, 1}},
		"a layer of one byte a connection": {status: []int{3}, want: []string{"broke off"}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			w.Header().Set("Content-Length", "1000000")
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})},
		"a layer that drips": {status: []int{3}, want: []string{"--timeout"}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/blobs/") && drip(w, r, 2*time.Second, bytes.Repeat([]byte("x"), 1000))
		}, "--timeout", "5s")},
		"a manifest that drips": {status: []int{3}, want: []string{"--timeout"}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/manifests/") && drip(w, r, 2*time.Second, bytes.Repeat([]byte("x"), 1000))
		}, "--timeout", "5s")},
		"Retry-After": {status: []int{3}, want: []string{"--timeout"}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "59")
			w.WriteHeader(429)
			return true
		}, "--timeout", "5s")},
		"a manifest of gigabytes": {status: []int{3}, want: []string{"--max-manifest"}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/") {
				io.Copy(w, io.LimitReader(zeros{}, 5<<30))
				return true
			}
			return false
		})},
		"a malformed answer": {status: []int{3}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			_, password, _ := r.BasicAuth()
			if r.URL.Path == "/v2/" && password == "" {
				return echo(w, r, 200)
			}
			c, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(c, "%s\r\n\r\n", password)
			c.Close()
			return true
		})},
		"a redirect with the password": {status: []int{3}, make: registry(func(w http.ResponseWriter, r *http.Request) bool {
			_, password, _ := r.BasicAuth()
			if r.URL.Path == "/v2/" && password == "" {
				return echo(w, r, 200)
			}
			http.Redirect(w, r, "http://127.0.0.1:1/"+password+"?p="+password, http.StatusFound)
			return true
		})},
	}
	for _, status := range []int{400, 401, 403, 404, 500, 200} {
		attacks[fmt.Sprintf("a password in an answer of %d", status)] = attack{status: []int{3}, make: registry(func(w http.ResponseWriter, r *http.Request) bool { return echo(w, r, status) })}
	}
	try(t, attacks)
}

// TestHelpers: a credential helper may hang, print without end, or print
// passwords where it fails.
func TestHelpers(t *testing.T) {
	helper := func(script string, args ...string) attack {
		return attack{status: []int{3}, make: func(t *testing.T, dir string) []string {
			all := registry(nil, args...)(t, dir)
			above := filepath.Dir(dir)
			write(t, filepath.Join(above, "home/.docker/config.json"), `{"credsStore": "evil"}`)
			write(t, filepath.Join(above, "bin/docker-credential-evil"), "#!/bin/sh\n"+script)
			t.Setenv("PATH", filepath.Join(above, "bin")+":"+os.Getenv("PATH"))
			return all
		}}
	}
	hangs := helper("exec sleep 1000\n", "--timeout", "3s")
	hangs.want = []string{"--timeout"}
	endless := helper("exec cat /dev/zero\n")
	endless.want = []string{"prints more than the limit of 1048576 bytes"}
	fails := helper("echo " + canary + "; echo " + canary + " >&2; exit 1\n")
	fails.want = []string{"docker-credential-evil"}
	try(t, map[string]attack{"hangs": hangs, "prints without end": endless, "fails with a password": fails, "prints no JSON": helper("echo " + canary + "\n")})
}

// TestNames: a password in the name of an image is not shown.
func TestNames(t *testing.T) {
	for _, ref := range []string{"u:" + canary + "@127.0.0.1:1/x", "docker://u:" + canary + "@127.0.0.1:1/x:1", "https://u:" + canary + "@127.0.0.1:1/x", "u:" + canary + "/y@127.0.0.1:1/x:1"} {
		try(t, map[string]attack{
			"--image " + ref[:10]: {make: files(map[string]string{"Dockerfile": simple}, every("--image", ref)...), status: []int{2, 3}},
			"alone " + ref[:10]:   {make: files(map[string]string{"Dockerfile": simple}, every(ref)...), status: []int{2, 3}},
			"of the file":         {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "image: " + ref + "\n"}, every()...), status: []int{2, 3}},
		})
	}
}
