package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/pelletier/go-toml/v2"
)

// certificates is what a machine keeps for a registry of its own: the authorities that it is signed by,
// and what a client shows it (docs.docker.com, "Verify repository client with certificates";
// containers-certs.d(5)). Nil is a registry of which nothing is kept.
func certificates(host string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // the user named the host: --insecure
	found := insecure
	home, _ := os.UserHomeDir()
	for _, dir := range []string{
		filepath.Join(home, ".config/containers/certs.d"), filepath.Join(home, ".docker/certs.d"),
		"/etc/containers/certs.d", "/etc/docker/certs.d",
	} {
		dir = filepath.Join(dir, host)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			switch filepath.Ext(name) {
			case ".crt":
				pem, err := os.ReadFile(name)
				if c.RootCAs == nil {
					if c.RootCAs, _ = x509.SystemCertPool(); c.RootCAs == nil {
						c.RootCAs = x509.NewCertPool()
					}
				}
				if err != nil || !c.RootCAs.AppendCertsFromPEM(pem) {
					return nil, fmt.Errorf("%q holds no certificate", name)
				}
				found = true
			case ".cert":
				cert, err := tls.LoadX509KeyPair(name, strings.TrimSuffix(name, ".cert")+".key")
				if err != nil {
					return nil, fmt.Errorf("the client's certificate %q and its key cannot be read", name)
				}
				c.Certificates = append(c.Certificates, cert)
				found = true
			}
		}
	}
	if !found {
		return nil, nil
	}
	return c, nil
}

// own are the transports of registries that have certificates of their own, by host.
var own = struct {
	sync.Mutex
	transports map[string]http.RoundTripper
}{transports: map[string]http.RoundTripper{}}

// transport is how a registry is reached.
func (opt Options) transport(host string) (http.RoundTripper, error) {
	if opt.Transport != nil {
		return opt.Transport, nil
	}
	insecure := opt.insecure(host)
	c, err := certificates(host, insecure)
	if err != nil || c == nil {
		return connections(), err
	}
	own.Lock()
	defer own.Unlock()
	key := fmt.Sprint(host, insecure)
	if own.transports[key] == nil {
		t := connections().(*http.Transport).Clone()
		t.TLSClientConfig = c
		own.transports[key] = t
	}
	return own.transports[key], nil
}

// insecure reports whether a registry may speak plain HTTP, or with a certificate that nobody signed.
func (opt Options) insecure(host string) bool { return slices.Contains(opt.Insecure, host) }

// confined sends credentials to the site that they are for, and to no other: not along a redirect, and
// not to a server for tokens that is of another site.
type confined struct {
	base http.RoundTripper
	host string // of the registry
}

func (c *confined) RoundTrip(req *http.Request) (*http.Response, error) {
	secret := req.Header.Get("Authorization") != "" || req.Method == http.MethodPost // which a token is asked for by, with a password in it
	if secret && !sameSite(c.host, req.URL.Host) {
		return nil, fmt.Errorf("%q sends for credentials to %q, which is of another site: they are not sent there", c.host, req.URL.Host)
	}
	return c.base.RoundTrip(req)
}

// sameSite reports whether two hosts belong together: they are one, or below the domain that the first
// is in, as auth.example.com and registry.example.com are.
func sameSite(registry, other string) bool {
	bare := func(host string) string {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		return strings.ToLower(strings.TrimSuffix(host, "."))
	}
	registry, other = bare(registry), bare(other)
	if registry == other {
		return true
	}
	if net.ParseIP(registry) != nil || net.ParseIP(other) != nil {
		return false
	}
	domain := registry
	if _, rest, ok := strings.Cut(registry, "."); ok && strings.Contains(rest, ".") {
		domain = rest
	}
	return strings.Contains(domain, ".") && (other == domain || strings.HasSuffix(other, "."+domain))
}

// A place is where an image may be pulled from.
type place struct {
	ref      string
	insecure bool
	mirror   bool
}

// dockerName is a name as engines and registries.conf write it: Docker Hub is docker.io there.
func dockerName(full string) string {
	return strings.Replace(full, name.DefaultRegistry+"/", "docker.io/", 1)
}

// places are where the machine's configuration says that ref may be pulled from, in order: mirrors
// before the registry itself (containers-registries.conf(5), version 2).
func places(ref string) ([]place, error) {
	var conf struct {
		Registry []struct {
			Prefix, Location  string
			Insecure, Blocked bool
			Mirror            []struct {
				Location       string
				Insecure       bool
				PullFromMirror string `toml:"pull-from-mirror"`
			}
		}
	}
	home, _ := os.UserHomeDir()
	for _, name := range []string{
		os.Getenv("CONTAINERS_REGISTRIES_CONF"), filepath.Join(home, ".config/containers/registries.conf"), "/etc/containers/registries.conf",
	} {
		if name == "" {
			continue
		}
		raw, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = toml.Unmarshal(raw, &conf)
		}
		if err != nil {
			return nil, fmt.Errorf("%q cannot be read: it is no registries.conf", name)
		}
		break
	}
	best, length := -1, -1
	for i, r := range conf.Registry {
		prefix := r.Prefix
		if prefix == "" {
			prefix = r.Location
		}
		if (ref == prefix || strings.HasPrefix(ref, prefix+"/") || strings.HasPrefix(ref, prefix+":") || strings.HasPrefix(ref, prefix+"@")) &&
			len(prefix) > length && prefix != "" {
			best, length = i, len(prefix)
		}
	}
	if best < 0 {
		return []place{{ref: ref}}, nil
	}
	r := conf.Registry[best]
	if r.Blocked {
		return nil, fmt.Errorf("registries.conf of this machine blocks %q", ref[:length])
	}
	rest := ref[length:]
	var list []place
	for _, m := range r.Mirror {
		digest := strings.Contains(rest, "@")
		if m.Location == "" || m.PullFromMirror == "digest-only" && !digest || m.PullFromMirror == "tag-only" && digest {
			continue
		}
		list = append(list, place{m.Location + rest, m.Insecure, true})
	}
	if r.Location == "" {
		return append(list, place{ref: ref, insecure: r.Insecure}), nil
	}
	return append(list, place{ref: r.Location + rest, insecure: r.Insecure}), nil
}
