package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/internal/cache"
)

// accept is the media types of manifests that are understood.
var accept = strings.Join([]string{
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2),
	string(types.OCIImageIndex), string(types.DockerManifestList),
}, ", ")

// A registry reads one repository. Blobs are fetched here and not by
// go-containerregistry, which would hash them a second time.
type registry struct {
	repo   name.Repository
	client *http.Client
	cache  *cache.Cache
	limits Limits
	wait   func(context.Context, time.Duration) error
	idle   time.Duration // how long a body may give nothing
}

// openRegistry opens REGISTRY/REPOSITORY[:TAG][@DIGEST], from the first of its mirrors that has it, where
// the machine is configured to use some. Credentials are those of docker login; localhost is spoken to in
// plain HTTP.
func openRegistry(ctx context.Context, ref string, opt Options) (*Image, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	if opt.Offline {
		return nil, fmt.Errorf("registry %q is not asked: --offline", r.Context().RegistryStr())
	}
	list, err := places(dockerName(r.Name()))
	if err != nil {
		return nil, err
	}
	host := r.Context().RegistryStr()
	if len(list) == 1 && !list[0].mirror && !list[0].insecure {
		return openAt(ctx, list[0].ref, host, opt)
	}
	var remarks []string
	for i, p := range list {
		at := opt
		if other, err := name.ParseReference(p.ref); err == nil && p.insecure {
			at.Insecure = append(slices.Clone(opt.Insecure), other.Context().RegistryStr())
		}
		im, err := openAt(ctx, p.ref, host, at)
		if err != nil && i < len(list)-1 && ctx.Err() == nil {
			remarks = append(remarks, fmt.Sprintf("mirror %q: %v", p.ref, err))
			continue
		}
		if err == nil {
			if im.Remarks = append(im.Remarks, remarks...); p.mirror {
				im.Remarks = append(im.Remarks, fmt.Sprintf("%q is taken from its mirror %q", ref, p.ref))
			}
		}
		return im, err
	}
	return nil, fmt.Errorf("registries.conf names no place for %q", ref)
}

// openAt opens an image where it lies. Its neighbours are those of host, the registry that was named.
func openAt(ctx context.Context, ref, host string, opt Options) (*Image, error) {
	reg, id, err := registryOf(ctx, ref, opt)
	if err != nil {
		return nil, err
	}
	idle := reg.idle
	raw, d, err := reg.root(ctx, id)
	if err != nil {
		return nil, &Error{Step: "read manifest", Err: err}
	}
	s := &store{
		kind:     "registry",
		limits:   opt.Limits,
		cache:    opt.Cache,
		blob:     reg.blob,
		part:     reg.part,
		patience: documentTime(idle),
		manifest: func(ctx context.Context, d v1.Descriptor) ([]byte, error) {
			raw, _, err := reg.get(ctx, d.Digest.String())
			return raw, err
		},
	}
	im, err := s.image(ctx, raw, d, opt)
	if err != nil {
		return nil, err
	}
	im.Neighbour = func(ctx context.Context, ref string) (*Image, error) {
		other, err := name.ParseReference(ref)
		if err != nil {
			return nil, err
		}
		if other.Context().RegistryStr() != host {
			return nil, fmt.Errorf("%q is of another registry", ref)
		}
		opt := opt
		opt.Platform = im.Platform
		return openRegistry(ctx, ref, opt)
	}
	return im, nil
}

// registryOf reaches the registry of a reference, whose tag or digest is id.
func registryOf(ctx context.Context, ref string, opt Options) (reg *registry, id string, err error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return nil, "", err
	}
	if opt.insecure(r.Context().RegistryStr()) {
		if r, err = name.ParseReference(ref, name.Insecure); err != nil {
			return nil, "", err
		}
	}
	if opt.Offline {
		return nil, "", fmt.Errorf("registry %q is not asked: --offline", r.Context().RegistryStr())
	}
	client, err := opt.Session.client(ctx, r.Context(), opt)
	if err != nil {
		return nil, "", err
	}
	return &registry{
		repo: r.Context(), client: client, cache: opt.Cache, limits: opt.Limits, wait: opt.waiting(), idle: cmp.Or(opt.idle, idleLimit),
	}, r.Identifier(), nil
}

// root reads the manifest or index that a tag or a digest names. Where one may
// be kept, a HEAD asks first which it is: registries count, and limit, the GETs
// of manifests as pulls, and lifecycle rules keep what was pulled, but not HEADs
// (docs.docker.com/docker-hub/usage/pulls). What HEAD does not answer, GET does.
func (r *registry) root(ctx context.Context, id string) ([]byte, v1.Descriptor, error) {
	if r.cache != nil {
		var d v1.Descriptor
		err := within(ctx, documentTime(r.idle), func(ctx context.Context) (err error) { d, err = r.head(ctx, id); return err })
		if err != nil {
			return nil, d, err
		}
		if !strings.HasPrefix(id, "sha256:") || d.Digest.String() == id {
			if raw := r.cache.Document(d.Digest.String()); raw != nil {
				return raw, d, r.limits.check(raw)
			}
		}
	}
	var raw []byte
	var mt types.MediaType
	err := within(ctx, documentTime(r.idle), func(ctx context.Context) (err error) {
		raw, mt, err = r.get(ctx, id)
		return err
	})
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
// a registry that does not say. The error is that nobody listens: a GET would
// wait as long again.
func (r *registry) head(ctx context.Context, id string) (d v1.Descriptor, err error) {
	res, err := r.do(ctx, http.MethodHead, "manifests", id, 0, 0)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return d, err
	case err != nil:
		return d, nil
	}
	res.Body.Close()
	if h, err := v1.NewHash(res.Header.Get("Docker-Content-Digest")); err == nil {
		d.Digest, d.MediaType = h, types.MediaType(res.Header.Get("Content-Type"))
	}
	return d, nil
}

// get reads a manifest, again if it breaks off.
func (r *registry) get(ctx context.Context, id string) ([]byte, types.MediaType, error) {
	for n := 1; ; n++ {
		res, err := r.do(ctx, http.MethodGet, "manifests", id, 0, 0)
		if err != nil {
			return nil, "", err
		}
		raw, err := r.limits.readAll(res.Body)
		if d := res.Header.Get("Docker-Content-Digest"); err == nil && strings.HasPrefix(d, "sha256:") &&
			d != digest(raw).String() {
			err = fmt.Errorf("the registry says that its digest is another than the %s that its bytes have", digest(raw))
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
	body := &resuming{
		ctx:    ctx,
		wait:   r.wait,
		size:   d.Size,
		window: r.idle,
		fetch: func(ctx context.Context, from int64) (*http.Response, error) {
			return r.do(ctx, http.MethodGet, "blobs", d.Digest.String(), from, d.Size)
		},
	}
	if err := body.open(); err != nil {
		return nil, err
	}
	return body, nil
}

// part reads a blob from one byte, not the first, up to another.
func (r *registry) part(ctx context.Context, d v1.Descriptor, from, to int64) (io.ReadCloser, error) {
	if from <= 0 || from >= to || to > d.Size {
		return nil, fmt.Errorf("it has %d bytes, none from %d to %d", d.Size, from, to)
	}
	body := &resuming{
		ctx:    ctx,
		wait:   r.wait,
		size:   to - from,
		window: r.idle,
		fetch: func(ctx context.Context, at int64) (*http.Response, error) {
			res, err := r.do(ctx, http.MethodGet, "blobs", d.Digest.String(), from+at, to)
			if err == nil && res.StatusCode != http.StatusPartialContent {
				res.Body.Close()
				return nil, ErrWhole
			}
			return res, err
		},
	}
	if err := body.open(); err != nil {
		return nil, err
	}
	return body, nil
}

// do asks for a manifest or a blob; from > 0 asks for its bytes from there to
// size.
func (r *registry) do(ctx context.Context, method, kind, id string, from, size int64) (*http.Response, error) {
	u := url.URL{
		Scheme: r.repo.Scheme(),
		Host:   r.repo.RegistryStr(),
		Path:   fmt.Sprintf("/v2/%s/%s/%s", r.repo.RepositoryStr(), kind, id),
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	want := []int{http.StatusOK}
	if kind == "manifests" {
		req.Header.Set("Accept", accept)
	} else {
		if ctx.Value(ofDocument{}) == nil {
			req = req.WithContext(context.WithValue(ctx, ofLayer{}, true))
		}
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

// ofDocument marks the context of a request for a blob that is a document.
type ofDocument struct{}

// within runs f, which ends with its context, for at most that long.
func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(inner)
	if inner.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("the registry takes more than %v to send a document", limit)
	}
	return err
}

// explain says what a registry's refusal means, and what to do. Nothing that a
// registry sent is quoted: it may repeat the credentials that it was sent.
func explain(err error, repo name.Repository) error {
	said := explained(err, repo)
	var te *transport.Error
	if errors.As(err, &te) && te.StatusCode < 500 && te.StatusCode != http.StatusTooManyRequests {
		return said
	}
	return &passing{said}
}

// passing is an error that may be gone at another time.
type passing struct{ error }

func (p *passing) Unwrap() error { return p.error }

// IsPassing reports whether what failed may be there at another time: the registry was not reached, was too slow, or had
// too much to do. Of an image that is not there, or that is refused, it is false.
func IsPassing(err error) bool { return errors.As(err, new(*passing)) }

func explained(err error, repo name.Repository) error {
	host := repo.RegistryStr()
	var te *transport.Error
	var ue *url.Error
	switch {
	case errors.As(err, &te):
		switch te.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("registry %q refuses access to %q (%d): docker login %s", host, repo.RepositoryStr(),
				te.StatusCode, host)
		case http.StatusNotFound:
			return fmt.Errorf("registry %q has no such image (404): check the repository's name and the tag", host)
		case http.StatusTooManyRequests:
			return fmt.Errorf("registry %q asks to slow down (429): log in, or try again later", host)
		}
		return fmt.Errorf("registry %q answers %d %s", host, te.StatusCode, http.StatusText(te.StatusCode))
	// net/http has no error of its own for it
	case errors.As(err, &ue) && strings.Contains(ue.Err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("registry %q speaks plain HTTP: --insecure %[1]s lets it", host)
	case errors.As(err, &ue):
		at := host
		if u, perr := url.Parse(ue.URL); perr == nil && u.Host != "" && u.Host != host {
			at = fmt.Sprintf("%s (where %s led to)", u.Host, host)
		}
		return fmt.Errorf("%s %s: %w", strings.ToUpper(ue.Op), at, network(ue.Err))
	}
	return network(err)
}

// network is err, unless it quotes what came over the network: what is wrong
// with an answer is kept, its text is not.
func network(err error) error {
	text := err.Error()
	for _, foreign := range []string{
		"malformed HTTP", "malformed MIME", "invalid character", "unsupported transfer encoding", "bad Content-Length",
		"failed to parse Location header",
	} {
		if i := strings.Index(text, foreign); i >= 0 {
			return fmt.Errorf("it does not answer as a registry does (%s)", foreign)
		}
	}
	return err
}
