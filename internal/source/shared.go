package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A Shared is a repository of a registry that machines share indexes of layers through: each is an artifact
// of one blob, tagged with the digest of its layer. Who may write to the repository decides what the others
// believe of a layer: the user names it.
type Shared struct {
	Taken atomic.Int64 // indexes that were found there
	Given atomic.Int64 // those that were put there

	repo name.Repository
	opt  Options
	ctx  context.Context
	most int          // bytes of an index: maxShared
	lost atomic.Bool  // it cannot be written to: not tried again
	fail atomic.Int32 // indexes in a row that could not be put there
}

// sharedVersion is that of what the artifacts hold; another is another tag.
const sharedVersion = "index-5"

// The types of the artifact, which registries show.
const (
	sharedConfig types.MediaType = "application/vnd.tare.index.config.v1+json"
	sharedLayer  types.MediaType = "application/vnd.tare.index.v1"
)

// maxShared is how many bytes an index has.
const maxShared = 256 << 20

// How often one index is put, and how many in a row may fail, before it is given up: a registry that several machines put the
// same blob to at once may refuse one of them.
const (
	maxPuts  = 3
	maxFails = 5
)

// OpenShared reaches a repository, HOST/PATH. What is asked of it ends with ctx.
func OpenShared(ctx context.Context, repository string, opt Options) (*Shared, error) {
	var kind []name.Option
	repo, err := name.NewRepository(repository)
	if err == nil && opt.insecure(repo.RegistryStr()) {
		kind = append(kind, name.Insecure)
		repo, err = name.NewRepository(repository, kind...)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no repository: want HOST/PATH", repository)
	}
	return &Shared{repo: repo, opt: opt, ctx: ctx, most: maxShared}, nil
}

// at is the reference of a layer's index.
func (s *Shared) at(digest string) name.Reference {
	return s.repo.Tag(sharedVersion + "-" + strings.TrimPrefix(digest, "sha256:"))
}

func (s *Shared) remote() ([]remote.Option, error) { return pushing(s.ctx, s.repo, s.opt) }

// Get returns the index of the layer of that digest; nil if it is not there, or cannot be had.
func (s *Shared) Get(digest string) []byte {
	opt, err := s.remote()
	if err != nil || s.opt.Offline {
		return nil
	}
	im, err := remote.Image(s.at(digest), opt...)
	if err != nil {
		return nil
	}
	layers, err := im.Layers()
	if err != nil || len(layers) != 1 {
		return nil
	}
	rc, err := layers[0].Compressed() // its digest is checked as it is read
	if err != nil {
		return nil
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, int64(s.most)+1))
	if err != nil || len(data) > s.most {
		return nil
	}
	s.Taken.Add(1)
	return data
}

// Put puts the index of a layer there. What cannot be written is left out: a shared cache that is not there
// is slow, not wrong.
func (s *Shared) Put(digest string, data []byte) {
	if s.lost.Load() || s.opt.Offline || len(data) > s.most {
		return
	}
	for range maxPuts {
		err := s.put(digest, data)
		if err == nil {
			s.Given.Add(1)
			s.fail.Store(0)
			return
		}
		var te *transport.Error
		if errors.As(err, &te) &&
			slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed}, te.StatusCode) {
			s.lost.Store(true)
			return
		}
	}
	if s.fail.Add(1) >= maxFails {
		s.lost.Store(true)
	}
}

func (s *Shared) put(digest string, data []byte) error {
	opt, err := s.remote()
	if err != nil {
		return err
	}
	var im v1.Image = mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), sharedConfig)
	if im, err = mutate.AppendLayers(im, static.NewLayer(data, sharedLayer)); err != nil {
		return err
	}
	return remote.Write(s.at(digest), im, opt...)
}

// Lost reports whether the repository could not be written to.
func (s *Shared) Lost() bool { return s.lost.Load() }
