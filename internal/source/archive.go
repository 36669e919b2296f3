package source

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
)

// files opens a file of the directory or archive that holds an image.
type files func(name string) (io.ReadCloser, error)

// openLayout opens an OCI layout: DIRECTORY[:TAG] or DIRECTORY@DIGEST.
func openLayout(ctx context.Context, ref string, opt Options) (*Image, error) {
	dir, tag := cutPath(ref)
	open := os.OpenRoot
	if opt.Root != nil {
		open = opt.Root.OpenDir
	}
	root, err := open(dir)
	if err != nil {
		return nil, &Error{Step: "open OCI layout", Err: unwrap(err, dir)}
	}
	return closing(root)(layout(ctx, "oci", tag, opt, func(name string) (io.ReadCloser, error) {
		f, err := checkout.OpenRegular(root, filepath.FromSlash(name))
		if err != nil {
			return nil, unwrap(err, name)
		}
		return f, nil
	}))
}

// closing makes an image own what it is read from; without one that is closed
// now.
func closing(c io.Closer) func(*Image, error) (*Image, error) {
	return func(im *Image, err error) (*Image, error) {
		if err != nil {
			c.Close()
			return nil, err
		}
		im.closer = c
		return im, nil
	}
}

func unwrap(err error, name string) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%q: %w", name, pe.Err)
	}
	return err
}

// openArchive opens an OCI layout in a tar file: FILE[:TAG].
func openArchive(ctx context.Context, ref string, opt Options) (*Image, error) {
	if want, ok := fromStdin(ref); ok {
		return openStdin("oci-archive", want, opt)
	}
	file, tag := cutPath(ref)
	f, open, err := tarFiles(file, opt)
	if f != nil && open == nil {
		return compressed("oci-archive", tag, f, opt)
	}
	if err != nil {
		return nil, &Error{Step: "open OCI archive", Err: err}
	}
	return closing(f)(layout(ctx, "oci-archive", tag, opt, open))
}

// layout reads an OCI layout (OCI image-spec, image-layout.md).
func layout(ctx context.Context, kind, tag string, opt Options, open files) (*Image, error) {
	rc, err := open("index.json")
	if err != nil {
		return nil, &Error{Step: "read OCI layout", Err: err}
	}
	raw, err := opt.Limits.readAll(rc)
	if err != nil {
		return nil, &Error{Step: "read OCI layout", Err: err}
	}
	ix, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, &Error{Step: "read OCI layout", Err: fmt.Errorf("index.json: %w", err)}
	}
	blob := func(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
		return open(path.Join("blobs", d.Digest.Algorithm, d.Digest.Hex))
	}
	s := &store{kind: kind, limits: opt.Limits, blob: blob}
	s.manifest = s.small
	var names []string
	var found []v1.Descriptor
	for _, d := range ix.Manifests {
		name := d.Annotations["org.opencontainers.image.ref.name"]
		names = append(names, cmp.Or(name, d.Digest.String()))
		if tag == "" || tag == name || tag == d.Digest.String() || strings.HasSuffix(name, ":"+tag) {
			found = append(found, d)
		}
	}
	if len(found) > 1 && tag == "" {
		if found[0].Platform == nil {
			return nil, &Error{
				Step: "read OCI layout",
				Err:  fmt.Errorf("it holds %d images: add :TAG, one of %s", len(found), analysis.And(names, 12)),
			}
		}
		return s.image(ctx, raw, v1.Descriptor{MediaType: types.OCIImageIndex}, opt)
	}
	if len(found) == 0 {
		return nil, &Error{
			Step: "read OCI layout",
			Err:  fmt.Errorf("it holds no image %q: it has %s", tag, analysis.And(names, 12)),
		}
	}
	d := found[0]
	if raw, err = s.document(ctx, "read manifest", d, s.manifest); err != nil {
		return nil, err
	}
	return s.image(ctx, raw, d, opt)
}

// openDocker opens what docker save writes: FILE[:REFERENCE]. Layers are taken
// as they are stored, plain or compressed.
func openDocker(_ context.Context, ref string, opt Options) (*Image, error) {
	if want, ok := fromStdin(ref); ok {
		return openStdin("docker-archive", want, opt)
	}
	file, want := cutPath(ref)
	f, open, err := tarFiles(file, opt)
	if f != nil && open == nil {
		return compressed("docker-archive", want, f, opt)
	}
	if err != nil {
		return nil, &Error{Step: "open archive", Err: err}
	}
	return closing(f)(saved("docker-archive", want, opt, open))
}

// compressed is an archive that is compressed as a whole: it is read in one piece.
func compressed(kind, want string, f *os.File, opt Options) (*Image, error) {
	im := stream(&Image{Kind: kind}, want, opt, func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, 1<<62)), nil
	})
	im.closer = f
	return im, nil
}

// saved reads the manifest.json of an archive (moby, image/spec/v1.2.md).
func saved(kind, want string, opt Options, open files) (*Image, error) {
	fail := func(err error) (*Image, error) { return nil, &Error{Step: "read archive", Err: err} }
	rc, err := open("manifest.json")
	if err != nil {
		return fail(err)
	}
	raw, err := opt.Limits.readAll(rc)
	if err != nil {
		return fail(err)
	}
	var manifests []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(raw, &manifests); err != nil {
		return fail(fmt.Errorf("manifest.json: %w", err))
	}
	n, tags := -1, []string{}
	for i, m := range manifests {
		tags = append(tags, m.RepoTags...)
		for _, t := range m.RepoTags {
			if want != "" && (t == want || strings.TrimPrefix(t, "docker.io/library/") == want) {
				n = i
			}
		}
	}
	if want == "" && len(manifests) == 1 {
		n = 0
	}
	if n < 0 {
		return fail(fmt.Errorf("it holds %d images: add :REFERENCE, one of %s", len(manifests), analysis.And(tags, 12)))
	}
	m := manifests[n]
	if rc, err = open(m.Config); err != nil {
		return fail(err)
	}
	if raw, err = opt.Limits.readAll(rc); err != nil {
		return fail(err)
	}
	opt.Cache.PutDocument(digest(raw).String(), raw) // an engine names it
	im := &Image{Kind: kind}
	if err := im.setConfig(raw, opt.Platform); err != nil {
		return nil, err
	}
	if len(im.Config.RootFS.DiffIDs) != len(m.Layers) {
		return fail(
			fmt.Errorf("manifest.json names %d layers, the configuration %d", len(m.Layers), len(im.Config.RootFS.DiffIDs)),
		)
	}
	for i, l := range m.Layers {
		im.Layers = append(im.Layers, Blob{
			DiffID: im.Config.RootFS.DiffIDs[i].String(), Size: -1, Plain: true, Local: true, File: l,
			Open: func(context.Context) (io.ReadCloser, error) { return open(l) },
		})
	}
	return im, nil
}

// openFile opens the regular file that a user named, or one below root.
func openFile(file string, root *checkout.Root) (*os.File, error) {
	if root != nil {
		return root.Open(file)
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() { // opening a pipe waits for its other end
		err = checkout.ErrIrregular
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(file)
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return f, err
}

// tarFiles indexes a tar file: what it holds is read in place, until f is
// closed. Of a compressed one it returns no files: it has to be read in one piece.
func tarFiles(file string, opt Options) (_ *os.File, _ files, err error) {
	limits := opt.Limits
	f, err := openFile(file, opt.Root)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", file, err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if isCompressed(f) {
		return f, nil, nil
	}
	type span struct{ at, size int64 }
	spans, links, kept := map[string]span{}, map[string]string{}, int64(0)
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%q is no tar file, or a broken one: %w", file, err)
		}
		if len(spans)+len(links) >= limits.Entries {
			return nil, nil, &LimitError{"files of the archive", int64(limits.Entries), "--max-entries"}
		}
		if n := len(h.Name) + len(h.Linkname); n > limits.Path {
			return nil, nil, &LimitError{fmt.Sprintf("a path of %d bytes", n), int64(limits.Path), "--max-path"}
		} else if kept += int64(n); kept > limits.Keep {
			return nil, nil, &LimitError{"bytes of paths of the archive", limits.Keep, "--max-keep"}
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, nil, err
		}
		name := path.Clean(h.Name)
		switch h.Typeflag { // docker save links layers that repeat, and so does GNU tar that packs its files again
		case tar.TypeSymlink:
			links[name] = path.Join(path.Dir(name), h.Linkname)
			continue
		case tar.TypeLink: // counted from the archive's root
			links[name] = path.Clean(h.Linkname)
			continue
		}
		spans[name] = span{at, h.Size}
	}
	return f, func(name string) (io.ReadCloser, error) {
		name = path.Clean(name)
		if to, ok := links[name]; ok {
			name = to
		}
		s, ok := spans[name]
		if !ok {
			return nil, fmt.Errorf("%q holds no %q", file, name)
		}
		return io.NopCloser(io.NewSectionReader(f, s.at, s.size)), nil
	}, nil
}
