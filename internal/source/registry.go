package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/internal/cache"
)

// accept is the media types of manifests that are understood.
var accept = strings.Join([]string{
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2), string(types.OCIImageIndex), string(types.DockerManifestList),
}, ", ")

// A registry reads one repository. Blobs are fetched here and not by
// go-containerregistry, which would hash them a second time.
type registry struct {
	repo   name.Repository
	client *http.Client
	cache  *cache.Cache
	limits Limits
	wait   func(context.Context, time.Duration) error
}

// connections are shared by all images of a run.
var connections = sync.OnceValue(func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout, t.DisableCompression = 60*time.Second, true
	return t
})

// openRegistry opens REGISTRY/REPOSITORY[:TAG][@DIGEST]. Credentials are those
// of docker login; localhost is spoken to in plain HTTP.
func openRegistry(ctx context.Context, ref string, opt Options) (*Image, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	repo := r.Context()
	auth, err := authn.DefaultKeychain.Resolve(repo)
	if err != nil {
		return nil, &Error{Step: "find credentials", Err: err}
	}
	base := opt.Transport
	if base == nil {
		base = connections()
	}
	wait := opt.wait
	if wait == nil {
		wait = sleep
	}
	base = transport.NewUserAgent(&retrying{base, wait, cmp.Or(opt.idle, idleLimit), opt.Limits}, "tare")
	t, err := transport.NewWithContext(ctx, repo.Registry, auth, base, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, &Error{Step: "reach the registry", Err: explain(err, repo)}
	}
	reg := &registry{repo: repo, client: &http.Client{Transport: t}, cache: opt.Cache, limits: opt.Limits, wait: wait}
	raw, d, err := reg.root(ctx, r.Identifier())
	if err != nil {
		return nil, &Error{Step: "read manifest", Err: err}
	}
	s := &store{kind: "registry", limits: opt.Limits, cache: opt.Cache, blob: reg.blob, manifest: func(ctx context.Context, d v1.Descriptor) ([]byte, error) {
		raw, _, err := reg.get(ctx, d.Digest.String())
		return raw, err
	}}
	im, err := s.image(ctx, raw, d, opt)
	if err != nil {
		return nil, err
	}
	im.Neighbour = func(ctx context.Context, ref string) (*Image, error) {
		other, err := name.ParseReference(ref)
		if err != nil {
			return nil, err
		}
		if other.Context().Registry != repo.Registry {
			return nil, fmt.Errorf("%q is of another registry", ref)
		}
		opt := opt
		opt.Platform = im.Platform
		return openRegistry(ctx, ref, opt)
	}
	return im, nil
}

// root reads the manifest or index that a tag or a digest names. Where one may
// be kept, a HEAD asks first which it is: registries count, and limit, the GETs
// of manifests as pulls, and lifecycle rules keep what was pulled, but not HEADs
// (docs.docker.com/docker-hub/usage/pulls). What HEAD does not answer, GET does.
func (r *registry) root(ctx context.Context, id string) ([]byte, v1.Descriptor, error) {
	if r.cache != nil {
		if d := r.head(ctx, id); !strings.HasPrefix(id, "sha256:") || d.Digest.String() == id {
			if raw := r.cache.Document(d.Digest.String()); raw != nil {
				return raw, d, r.limits.check(raw)
			}
		}
	}
	raw, mt, err := r.get(ctx, id)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: mt, Digest: digest(raw)}
	if strings.HasPrefix(id, "sha256:") {
		want, err := v1.NewHash(id)
		if err == nil {
			err = verify(raw, v1.Descriptor{Digest: want})
		}
		if err != nil {
			return nil, v1.Descriptor{}, err
		}
	}
	r.cache.PutDocument(d.Digest.String(), raw)
	return raw, d, nil
}

// head asks what a manifest's digest and media type are; the zero Descriptor is
// a registry that does not say.
func (r *registry) head(ctx context.Context, id string) (d v1.Descriptor) {
	res, err := r.do(ctx, http.MethodHead, "manifests", id, 0, 0)
	if err != nil {
		return d
	}
	res.Body.Close()
	if h, err := v1.NewHash(res.Header.Get("Docker-Content-Digest")); err == nil {
		d.Digest, d.MediaType = h, types.MediaType(res.Header.Get("Content-Type"))
	}
	return d
}

// get reads a manifest, again if it breaks off.
func (r *registry) get(ctx context.Context, id string) ([]byte, types.MediaType, error) {
	for n := 1; ; n++ {
		res, err := r.do(ctx, http.MethodGet, "manifests", id, 0, 0)
		if err != nil {
			return nil, "", err
		}
		raw, err := r.limits.readAll(res.Body)
		if d := res.Header.Get("Docker-Content-Digest"); err == nil && strings.HasPrefix(d, "sha256:") && d != digest(raw).String() {
			err = fmt.Errorf("the registry says that its digest is %s, the bytes have %s", d, digest(raw))
		}
		var le *LimitError
		if err == nil || errors.As(err, &le) || n == attempts || ctx.Err() != nil {
			return raw, types.MediaType(res.Header.Get("Content-Type")), err
		}
		if err := r.wait(ctx, firstWait<<n); err != nil {
			return nil, "", err
		}
	}
}

// blob reads a blob from its first byte to its last, over as many connections
// as it takes.
func (r *registry) blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	body := &resuming{ctx: ctx, wait: r.wait, size: d.Size, fetch: func(ctx context.Context, from int64) (*http.Response, error) {
		return r.do(ctx, http.MethodGet, "blobs", d.Digest.String(), from, d.Size)
	}}
	if err := body.open(); err != nil {
		return nil, err
	}
	return body, nil
}

// do asks for a manifest or a blob; from > 0 asks for its bytes from there to
// size.
func (r *registry) do(ctx context.Context, method, kind, id string, from, size int64) (*http.Response, error) {
	u := url.URL{Scheme: r.repo.Scheme(), Host: r.repo.RegistryStr(), Path: fmt.Sprintf("/v2/%s/%s/%s", r.repo.RepositoryStr(), kind, id)}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	want := []int{http.StatusOK}
	if kind == "manifests" {
		req.Header.Set("Accept", accept)
	} else {
		req = req.WithContext(context.WithValue(ctx, ofBlob{}, true))
		req.Header.Set("Accept-Encoding", "identity")
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, size-1))
		want = append(want, http.StatusPartialContent) // 200: the server knows no ranges
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, explain(err, r.repo)
	}
	if err := transport.CheckError(res, want...); err != nil {
		res.Body.Close()
		return nil, explain(err, r.repo)
	}
	return res, nil
}

// explain says what a registry's refusal means, and what to do.
func explain(err error, repo name.Repository) error {
	var te *transport.Error
	if !errors.As(err, &te) {
		return err
	}
	switch te.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("registry %q refuses access to %q (%d): docker login %s", repo.RegistryStr(), repo.RepositoryStr(), te.StatusCode, repo.RegistryStr())
	case http.StatusNotFound:
		return fmt.Errorf("registry %q has no such image (404): check the repository's name and the tag", repo.RegistryStr())
	case http.StatusTooManyRequests:
		return fmt.Errorf("registry %q asks to slow down (429): log in, or try again later", repo.RegistryStr())
	}
	return err
}
