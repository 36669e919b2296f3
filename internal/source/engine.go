package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// answerTime is how long an engine may take to say whether it has an image. Saving one may take as long
// as it gives bytes.
const answerTime = 10 * time.Second

// An engine is a container engine of this machine, spoken to by its own interface.
type engine struct {
	kind      string // "docker-daemon", "podman", "containerd": as a reference names it
	title     string // as people call it
	addresses func() ([]address, error)
	open      func(ctx context.Context, at address, ref string, opt Options) (*Image, error)
}

// An address is where an engine may listen, and who says so.
type address struct{ host, by string }

// engines are asked in this order.
var engines = []engine{
	{"docker-daemon", "Docker", dockerAddresses, openEngine},
	{"podman", "Podman", podmanAddresses, openEngine},
	{"containerd", "containerd", containerdAddresses, openContainerd},
}

// errAbsent is that an engine answers, and does not have the image.
var errAbsent = errors.New("it has no such image")

// openLocal opens the image of ref in the engine of that kind. The error names each address that was tried.
func (e engine) openLocal(ctx context.Context, ref string, opt Options) (*Image, error) {
	addresses, err := e.addresses()
	if err != nil {
		return nil, &Error{Step: "find " + e.title, Err: err}
	}
	var tried []string
	for _, at := range addresses {
		im, err := e.at(ctx, at, ref, opt)
		switch {
		case err == nil:
			return im, nil
		case isAbsent(err):
			tried = append(tried, at.host+": nothing listens there")
			continue
		case errors.Is(err, errAbsent):
			return nil, &Error{Step: "ask " + e.title, Err: fmt.Errorf(
				"%s has no image %q: pull or build it, or docker://%s takes it from its registry",
				at.host, ref, ref)}
		}
		return nil, &Error{Step: "ask " + e.title, Err: err}
	}
	if len(tried) == 0 {
		tried = []string{"no address is known for it"}
	}
	return nil, &Error{Step: "ask " + e.title, Err: fmt.Errorf("it is not running, or listens elsewhere (%s)", strings.Join(tried, "; "))}
}

// at opens an image at one address.
func (e engine) at(ctx context.Context, at address, ref string, opt Options) (*Image, error) {
	if opt.Offline && !strings.HasPrefix(at.host, "unix://") {
		return nil, fmt.Errorf("%s (%s) is not asked: --offline", at.host, at.by)
	}
	im, err := e.open(ctx, at, ref, opt)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s (%s) refuses access: join its group, or run as a user who may", at.host, at.by)
	case err != nil:
		return nil, err
	}
	im.Kind = e.kind
	im.Name = ref
	return im, nil
}

// isAbsent reports whether an error is that no engine listens.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTSOCK)
}

// local opens a bare reference in the first engine that has the image; nil if none has. An engine that
// does not let itself be asked is named.
func local(ctx context.Context, ref string, opt Options) (im *Image, notes []string) {
	for _, e := range engines {
		addresses, err := e.addresses()
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s is not asked for %q: %v", e.title, ref, err))
			continue
		}
		for _, at := range addresses {
			im, err := e.at(ctx, at, ref, opt)
			switch {
			case err == nil:
				im.Remarks = append(im.Remarks, fmt.Sprintf("%q is the image that %s of this machine has (%s): docker://%s is that of its registry",
					ref, e.title, at.host, ref))
				return im, nil
			case isAbsent(err):
				continue
			case !errors.Is(err, errAbsent):
				notes = append(notes, fmt.Sprintf("%s is not asked for %q: %v", e.title, ref, err))
			}
			break
		}
	}
	return nil, notes
}

// dockerAddresses are where the docker command would look: DOCKER_HOST, the context that is chosen, then
// the sockets of rootless Docker, Docker Desktop, Colima, Rancher Desktop and OrbStack.
func dockerAddresses() ([]address, error) {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []address{{host, "DOCKER_HOST"}}, nil
	}
	home, _ := os.UserHomeDir()
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(home, ".docker")
	}
	chosen, by := os.Getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if chosen == "" {
		var config struct{ CurrentContext string }
		if raw, err := os.ReadFile(filepath.Join(dir, "config.json")); err == nil && json.Unmarshal(raw, &config) == nil {
			chosen, by = config.CurrentContext, "the current context"
		}
	}
	if chosen != "" && chosen != "default" {
		host, err := dockerContext(dir, chosen)
		if err != nil {
			return nil, fmt.Errorf("docker context %q (%s): %w", chosen, by, err)
		}
		return []address{{host, fmt.Sprintf("docker context %q", chosen)}}, nil
	}
	list := []address{{"unix:///var/run/docker.sock", "the default"}}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		list = append(list, address{"unix://" + run + "/docker.sock", "rootless Docker"})
	}
	for _, x := range [][2]string{
		{".docker/run/docker.sock", "Docker Desktop"}, {".docker/desktop/docker.sock", "Docker Desktop"},
		{".colima/default/docker.sock", "Colima"}, {".rd/docker.sock", "Rancher Desktop"}, {".orbstack/run/docker.sock", "OrbStack"},
	} {
		if home != "" {
			list = append(list, address{"unix://" + filepath.Join(home, x[0]), x[1]})
		}
	}
	return list, nil
}

// dockerContext is the host of a context (docs.docker.com, "Docker contexts": its directory is named by the
// digest of its name).
func dockerContext(dir, chosen string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "contexts", "meta", fmt.Sprintf("%x", sha256.Sum256([]byte(chosen))), "meta.json"))
	if err != nil {
		return "", errors.New("there is no such context")
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := json.Unmarshal(raw, &meta); err != nil || meta.Endpoints["docker"].Host == "" {
		return "", errors.New("it names no host")
	}
	return meta.Endpoints["docker"].Host, nil
}

// podmanAddresses are where podman's service listens: CONTAINER_HOST, the user's, the system's, that of its machine.
func podmanAddresses() ([]address, error) {
	if host := os.Getenv("CONTAINER_HOST"); host != "" {
		return []address{{host, "CONTAINER_HOST"}}, nil
	}
	var list []address
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		list = append(list, address{"unix://" + run + "/podman/podman.sock", "the user's service"})
	}
	list = append(list, address{"unix:///run/podman/podman.sock", "the system's service"})
	if home, err := os.UserHomeDir(); err == nil {
		list = append(list, address{"unix://" + home + "/.local/share/containers/podman/machine/podman.sock", "podman machine"})
	}
	return list, nil
}

// engineClient speaks HTTP to an address: a socket of this machine, or TCP, with TLS as docker has it. The
// base is what paths are added to.
func engineClient(at address) (client *http.Client, base string, err error) {
	u, err := url.Parse(at.host)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %q is no address", at.by, at.host)
	}
	t := &http.Transport{ResponseHeaderTimeout: 0, DisableCompression: true}
	switch u.Scheme {
	case "unix":
		path := u.Path
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: answerTime}).DialContext(ctx, "unix", path)
		}
		return &http.Client{Transport: t}, "http://engine", nil
	case "tcp", "http", "https":
		scheme := "http"
		if u.Scheme == "https" || os.Getenv("DOCKER_TLS_VERIFY") != "" {
			scheme = "https"
			if t.TLSClientConfig, err = dockerTLS(); err != nil {
				return nil, "", err
			}
		}
		t.DialContext = (&net.Dialer{Timeout: answerTime}).DialContext
		return &http.Client{Transport: t}, scheme + "://" + u.Host, nil
	case "ssh":
		return nil, "", fmt.Errorf("%s (%s): an engine behind ssh is not reached: forward its socket (ssh -L) and name that, "+
			"or save the image (docker save) and give docker-archive:-", at.host, at.by)
	}
	return nil, "", fmt.Errorf("%s (%s): want unix:// or tcp://", at.host, at.by)
}

// dockerTLS is the client's side of an engine's TLS: DOCKER_CERT_PATH holds ca.pem, cert.pem and key.pem
// (docs.docker.com, "Protect the Docker daemon socket").
func dockerTLS() (*tls.Config, error) {
	dir := os.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		home, _ := os.UserHomeDir()
		dir = filepath.Join(home, ".docker")
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err == nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%q holds no certificate", filepath.Join(dir, "ca.pem"))
		}
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	switch {
	case err == nil:
		c.Certificates = []tls.Certificate{cert}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the certificate in %q cannot be read", dir)
	}
	return c, nil
}

// openEngine opens an image of an engine that speaks Docker's API (docs.docker.com/reference/api/engine: ImageInspect, ImageGet).
func openEngine(ctx context.Context, at address, ref string, opt Options) (*Image, error) {
	client, base, err := engineClient(at)
	if err != nil {
		return nil, err
	}
	escaped := (&url.URL{Path: ref}).EscapedPath()
	var raw []byte
	err = answer(ctx, at, opt, func(ctx context.Context) error {
		res, err := request(ctx, client, base+"/images/"+escaped+"/json")
		if err != nil {
			return err
		}
		raw, err = opt.Limits.readAll(res.Body)
		return err
	})
	if err != nil {
		return nil, err
	}
	var found struct{ ID, Os, Architecture, Variant string }
	if err := json.Unmarshal(raw, &found); err != nil || found.ID == "" {
		return nil, fmt.Errorf("%s (%s) does not answer as a container engine does", at.host, at.by)
	}
	id := "sha256:" + strings.TrimPrefix(found.ID, "sha256:")
	im := stream(&Image{Name: ref}, "", opt, func(ctx context.Context) (io.ReadCloser, error) {
		ctx, cancel := context.WithCancel(ctx)
		res, err := request(ctx, client, base+"/images/"+escaped+"/get")
		if err != nil {
			cancel()
			return nil, err
		}
		return &watched{Reader: res.Body, body: res.Body, idle: cmp.Or(opt.idle, idleLimit), cancel: cancel, who: at.host}, nil
	})
	if config := opt.Cache.Document(id); isConfig(config) { // it was read before: its layers may be kept too
		if err := im.setConfig(config, opt.Platform); err != nil {
			return nil, err
		}
		for _, d := range im.Config.RootFS.DiffIDs {
			im.Layers = append(im.Layers, Blob{DiffID: d.String(), Size: -1, Plain: true, Local: true, Engine: true})
		}
	}
	return im, nil
}

// isConfig reports whether a document is the configuration of an image with layers. The Id of an engine is its
// digest, but where the engine keeps images as containerd does: there it is a manifest's.
func isConfig(raw []byte) bool {
	var found struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	return json.Unmarshal(raw, &found) == nil && len(found.RootFS.DiffIDs) > 0
}

// request asks an engine.
func request(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "tare")
	res, err := client.Do(req)
	if err != nil {
		return nil, unwrapURL(err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		if res.StatusCode == http.StatusNotFound {
			return nil, errAbsent
		}
		return nil, fmt.Errorf("the engine answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	return res, nil
}

// unwrapURL leaves out the address of a request, which names nothing that a person knows.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// answer runs f, which an engine has some time for.
func answer(ctx context.Context, at address, opt Options, f func(context.Context) error) error {
	limit := cmp.Or(opt.answer, answerTime)
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(inner)
	if inner.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%s (%s) does not answer within %v", at.host, at.by, limit)
	}
	return err
}

// engineOf is the kind of engine that a reference names outright, and the image; "" if it names none.
func engineOf(ref string) (e engine, rest string, ok bool) {
	for _, e := range engines {
		if rest, ok := strings.CutPrefix(ref, e.kind+":"); ok {
			return e, rest, true
		}
	}
	return engine{}, "", false
}

// isImageName reports whether an engine can be asked for ref at all.
func isImageName(ref string) bool {
	_, err := name.ParseReference(ref)
	return err == nil
}
