package source

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Attach puts a document beside an image, which ref names by its digest, as an artifact of its repository that refers to it
// (OCI distribution-spec, "Listing Referrers"; where a registry has no such list, the tag that stands for it).
func Attach(ctx context.Context, ref, mediaType string, document []byte, opt Options) error {
	fails := func(step string, err error) error { return &Error{ref, step, err} }
	r, err := name.NewDigest(ref)
	if err == nil && opt.insecure(r.Context().RegistryStr()) {
		r, err = name.NewDigest(ref, name.Insecure)
	}
	if err != nil {
		return fails("attach", err)
	}
	with, err := pushing(ctx, r.Context(), opt)
	if err != nil {
		return fails("attach", err)
	}
	subject, err := remote.Head(r, with...)
	if err != nil {
		return fails("find what to attach to", explain(err, r.Context()))
	}
	// of an artifact without a configuration the media type of it tells which it is
	var im v1.Image = mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.MediaType(mediaType))
	if im, err = mutate.AppendLayers(im, static.NewLayer(document, types.MediaType(mediaType))); err != nil {
		return fails("attach", err)
	}
	artifact := mutate.Subject(im, v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest}).(v1.Image)
	digest, err := artifact.Digest()
	if err != nil {
		return fails("attach", err)
	}
	if err := remote.Write(r.Context().Digest(digest.String()), artifact, with...); err != nil {
		return fails("attach", explain(err, r.Context()))
	}
	return nil
}

// pushing are the options of go-containerregistry for who writes to a repository.
func pushing(ctx context.Context, repo name.Repository, opt Options) ([]remote.Option, error) {
	auth, err := credentials(ctx, repo, opt)
	if err != nil {
		return nil, err
	}
	base, err := opt.transport(repo.RegistryStr())
	if err != nil {
		return nil, err
	}
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuth(auth), remote.WithTransport(&confined{base, repo.RegistryStr()}), remote.WithUserAgent("tare"),
	}, nil
}
