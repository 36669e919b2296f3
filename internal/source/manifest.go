package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/toc"
)

// A store holds manifests and blobs by digest.
type store struct {
	kind     string
	patience time.Duration // how long a document may take; 0: as long as it takes
	limits   Limits
	cache    *cache.Cache                                               // of its documents; nil: none
	manifest func(ctx context.Context, d v1.Descriptor) ([]byte, error) // not yet checked
	blob     func(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
	part     func(ctx context.Context, d v1.Descriptor, from, to int64) (io.ReadCloser, error) // nil where it is no gain
}

// document reads what d describes with read, unless it is kept, and checks its
// digest. Step is what an error is called.
func (s *store) document(
	ctx context.Context,
	step string,
	d v1.Descriptor,
	read func(context.Context, v1.Descriptor) ([]byte, error),
) ([]byte, error) {
	if raw := s.cache.Document(d.Digest.String()); raw != nil && int64(len(raw)) <= s.limits.Manifest {
		return raw, nil
	}
	if d.Size > s.limits.Manifest {
		return nil, &Error{Step: step, Err: s.limits.manifest(d.Size)}
	}
	var raw []byte
	var err error
	if s.patience > 0 {
		err = within(ctx, s.patience, func(ctx context.Context) (err error) {
			raw, err = read(ctx, d)
			return err
		})
	} else {
		raw, err = read(ctx, d)
	}
	if err == nil {
		err = verify(raw, d)
	}
	if err != nil {
		return nil, &Error{Step: step, Err: err}
	}
	s.cache.PutDocument(d.Digest.String(), raw)
	return raw, nil
}

// small reads a blob that is a document.
func (s *store) small(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	rc, err := s.blob(context.WithValue(ctx, ofDocument{}, true), d)
	if err != nil {
		return nil, err
	}
	return s.limits.readAll(rc)
}

// image reads the image that a manifest or an index describes, in raw.
func (s *store) image(ctx context.Context, raw []byte, d v1.Descriptor, opt Options) (*Image, error) {
	im := &Image{Kind: s.kind}
	if isIndex(d.MediaType, raw) {
		child, remark, err := choose(raw, opt.Platform)
		if err != nil {
			return nil, err
		}
		im.Provenance = s.provenance(raw, child)
		im.Remarks = append(im.Remarks, remark...)
		if raw, err = s.document(ctx, "read manifest", child, s.manifest); err != nil {
			return nil, err
		}
		d = child
	}
	im.Digest = d.Digest.String()
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, &Error{Step: "read manifest", Err: fmt.Errorf("it is no image manifest: %w", err)}
	}
	if m.SchemaVersion != 2 || m.Config.Digest.Hex == "" {
		return nil, &Error{
			Step: "read manifest",
			Err:  fmt.Errorf("media type %q: it is no image manifest", cmp.Or(string(m.MediaType), string(d.MediaType))),
		}
	}
	if !configTypes[m.Config.MediaType] {
		return nil, &Error{
			Step: "read manifest",
			Err:  fmt.Errorf("its configuration is %q: %w", m.Config.MediaType, ErrArtifact),
		}
	}
	config, err := s.document(ctx, "read configuration", m.Config, s.small)
	if err != nil {
		return nil, err
	}
	if err := im.setConfig(config, opt.Platform); err != nil {
		return nil, err
	}
	if n := len(im.Config.RootFS.DiffIDs); n != len(m.Layers) {
		return nil, &Error{Step: "read configuration", Err: fmt.Errorf("it names %d layers, the manifest %d", n, len(m.Layers))}
	}
	im.BaseName = m.Annotations["org.opencontainers.image.base.name"]
	im.BaseDigest = m.Annotations["org.opencontainers.image.base.digest"]
	for i, l := range m.Layers {
		if l.Size < 0 || l.Size > maxBlob {
			return nil, &Error{Step: "read manifest", Err: fmt.Errorf("layer %d is said to have %d bytes", i, l.Size)}
		}
		b := Blob{
			Digest: l.Digest.String(), File: path.Join("blobs", l.Digest.Algorithm, l.Digest.Hex),
			DiffID: im.Config.RootFS.DiffIDs[i].String(), Size: l.Size,
			MediaType: string(l.MediaType), Local: s.kind != "registry",
			Open: func(ctx context.Context) (io.ReadCloser, error) { return s.blob(ctx, l) },
		}
		if s.part != nil {
			b.Table = toc.Of(l.Annotations)
			b.Part = func(ctx context.Context, from, to int64) (io.ReadCloser, error) { return s.part(ctx, l, from, to) }
		}
		im.Layers = append(im.Layers, b)
	}
	return im, nil
}

// provenance finds the attestation of an image in its index (BuildKit,
// docs/attestations/attestation-storage.md); nil if it has none.
func (s *store) provenance(index []byte, image v1.Descriptor) func(context.Context) ([]byte, error) {
	ix, err := v1.ParseIndexManifest(bytes.NewReader(index))
	if err != nil {
		return nil
	}
	for _, d := range ix.Manifests {
		if d.Annotations["vnd.docker.reference.type"] != "attestation-manifest" ||
			d.Annotations["vnd.docker.reference.digest"] != image.Digest.String() {
			continue
		}
		return func(ctx context.Context) ([]byte, error) {
			raw, err := s.document(ctx, "read attestations", d, s.manifest)
			if err != nil {
				return nil, err
			}
			m, err := v1.ParseManifest(bytes.NewReader(raw))
			if err != nil {
				return nil, &Error{Step: "read attestations", Err: err}
			}
			for _, l := range m.Layers {
				if !strings.HasPrefix(l.Annotations["in-toto.io/predicate-type"], "https://slsa.dev/provenance/") {
					continue
				}
				return s.document(ctx, "read provenance", l, s.small)
			}
			return nil, nil
		}
	}
	return nil
}

// setConfig reads the configuration. Want is the platform that the user asked
// for, "" if none: an image that says it is for another is not judged in its
// place.
func (im *Image) setConfig(raw []byte, want string) error {
	c, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return &Error{Step: "read configuration", Err: err}
	}
	platform := strings.TrimSuffix(c.OS+"/"+c.Architecture+"/"+c.Variant, "/")
	if want == "" || want == "all" || c.OS == "" || c.Architecture == "" {
		im.Config, im.Platform = c, platform
		return nil
	}
	p, err := v1.ParsePlatform(want)
	if err != nil {
		return fmt.Errorf("--platform %q: %w", want, err)
	}
	if !(v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}).Satisfies(
		v1.Platform{OS: p.OS, Architecture: p.Architecture},
	) {
		err := fmt.Errorf("the image is for %s, not for %s: --platform %[1]s judges it", platform, want)
		return &Error{Step: "read configuration", Err: err}
	}
	im.Config, im.Platform = c, platform
	return nil
}

var configTypes = map[types.MediaType]bool{
	types.OCIConfigJSON:        true,
	types.DockerConfigJSON:     true,
	"":                         true,
	"application/octet-stream": true,
}

func isIndex(mt types.MediaType, raw []byte) bool {
	if mt.IsIndex() {
		return true
	}
	var probe struct{ Manifests []json.RawMessage }
	return !mt.IsImage() && json.Unmarshal(raw, &probe) == nil && probe.Manifests != nil
}

// choose picks the image of an index for a platform, or, where none is asked
// for, for this machine's architecture.
func choose(raw []byte, platform string) (v1.Descriptor, []string, error) {
	ix, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return v1.Descriptor{}, nil, &Error{Step: "read index", Err: err}
	}
	var images []v1.Descriptor
	var names []string
	for _, d := range ix.Manifests {
		if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" ||
			d.Platform != nil && d.Platform.OS == "unknown" {
			continue
		}
		images = append(images, d)
		if d.Platform != nil {
			names = append(names, d.Platform.String())
		}
	}
	want := platform
	if want == "" || want == "all" {
		want = "linux/" + runtime.GOARCH
	}
	p, err := v1.ParsePlatform(want)
	if err != nil {
		return v1.Descriptor{}, nil, fmt.Errorf("platform %q: %w", want, err)
	}
	if platform == "all" {
		if len(images) > 1 {
			slices.Sort(names)
			return v1.Descriptor{}, nil, &PlatformsError{slices.Compact(names)}
		}
		platform = ""
	}
	i := slices.IndexFunc(images, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Satisfies(*p) })
	switch {
	case i >= 0 && (platform != "" || len(images) == 1):
		return images[i], nil, nil
	case i >= 0:
		return images[i], []string{
			fmt.Sprintf("the image has %d platforms (%s): %s was taken; --platform chooses", len(images),
				analysis.And(names, 12), want),
		}, nil
	case platform == "" && len(images) == 1:
		if images[0].Platform == nil {
			return images[0], nil, nil
		}
		return images[0], []string{fmt.Sprintf("the image is for %s alone", images[0].Platform)}, nil
	case len(images) == 0:
		return v1.Descriptor{}, nil, &Error{Step: "read index", Err: errors.New("it lists no image")}
	}
	return v1.Descriptor{}, nil, &Error{
		Step: "read index",
		Err:  fmt.Errorf("no image for platform %q: it has %s", want, analysis.And(names, 12)),
	}
}

// verify checks that raw is what d describes.
func verify(raw []byte, d v1.Descriptor) error {
	if d.Digest.Algorithm != "sha256" {
		return fmt.Errorf("digest %q: sha256 alone is known", d.Digest)
	}
	if got := digest(raw); got != d.Digest {
		return fmt.Errorf("wrong digest: want %s, got %s", d.Digest, got)
	}
	return nil
}

func digest(raw []byte) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(raw))}
}
