package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/tareweight/tare/internal/inflate"
)

// A Layer reads one file of a stream that may be a layer, named as the archive names it. What is wrong
// with it counts only where it is one; a LimitError ends the stream.
type Layer func(name string, size int64, r io.Reader) error

// maxStreamed is how many bytes of documents are kept of a stream.
const maxStreamed = 64 << 20

// A streamed is an archive that comes in one piece: its layers are read as they come, and what names
// them may come last.
type streamed struct {
	limits Limits
	docs   map[string][]byte
	links  map[string]string
	failed map[string]error // layers that could not be read
	seen   map[string]bool  // layers
	bytes  int64            // of docs
}

// read reads the archive to its end. It may be compressed as a whole.
func (s *streamed) read(ctx context.Context, r io.Reader, layer Layer) error {
	s.docs, s.links, s.failed, s.seen = map[string][]byte{}, map[string]string{}, map[string]error{}, map[string]bool{}
	ahead := readAhead(&untilDone{ctx, r})
	defer ahead.stop()
	in := &counted{r: ahead}
	r, done, err := uncompressed(in)
	if err != nil {
		return err
	}
	defer done()
	kept := int64(0)
	tr := tar.NewReader(&grown{r: r, in: in, limits: s.limits})
	for n := 0; ; n++ {
		h, err := tr.Next()
		switch {
		case err == io.EOF && n == 0:
			return errors.New("it is empty: nothing came")
		case err == io.EOF:
			_, err := io.Copy(io.Discard, in) // who writes it must not be cut off
			return err
		case err != nil && n == 0 && ctx.Err() == nil:
			return fmt.Errorf("it is no tar archive: %w", err)
		case err != nil:
			return err
		case n >= s.limits.Entries:
			return &LimitError{"files of the archive", int64(s.limits.Entries), "--max-entries"}
		}
		if n := len(h.Name) + len(h.Linkname); n > s.limits.Path {
			return &LimitError{fmt.Sprintf("a path of %d bytes", n), int64(s.limits.Path), "--max-path"}
		} else if kept += int64(n); kept > s.limits.Keep {
			return &LimitError{"bytes of paths of the archive", s.limits.Keep, "--max-keep"}
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeSymlink:
			s.links[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			s.links[name] = path.Clean(h.Linkname)
		case tar.TypeReg:
			if err := s.file(name, h.Size, tr, layer); err != nil {
				return err
			}
		}
	}
}

// file reads one file of the archive: a document, or what may be a layer.
func (s *streamed) file(name string, size int64, r io.Reader, layer Layer) error {
	in := bufio.NewReaderSize(r, 512)
	head, err := in.Peek(int(min(size, 512)))
	if err != nil {
		return err
	}
	text := bytes.TrimLeft(head, " \t\r\n")
	if size <= s.limits.Manifest && (len(text) == 0 || text[0] == '{' || text[0] == '[' || size < 512) {
		raw, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		s.bytes += int64(len(raw) - len(s.docs[name]))
		if s.docs[name] = raw; s.bytes > maxStreamed {
			return fmt.Errorf("its documents have more than the limit of %d bytes", maxStreamed)
		}
		return nil
	}
	s.seen[name] = true
	err = layer(name, size, in)
	var le *LimitError
	if errors.As(err, &le) {
		return err
	}
	if err != nil {
		s.failed[name] = err
	}
	return nil
}

// open opens a document; of a layer it opens nothing, as that was read.
func (s *streamed) open(name string) (io.ReadCloser, error) {
	name = s.resolve(name)
	if raw, ok := s.docs[name]; ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	if err := s.failed[name]; err != nil {
		return nil, err
	}
	if s.seen[name] {
		return nil, fmt.Errorf("%q was read as it came", name)
	}
	return nil, fmt.Errorf("it holds no %q", name)
}

func (s *streamed) resolve(name string) string {
	name = path.Clean(name)
	if to, ok := s.links[name]; ok {
		return to
	}
	return name
}

// image is the image of what was read: as docker save writes it, or an OCI layout. Of an archive that is
// both, kind says which counts.
func (s *streamed) image(ctx context.Context, kind, want string, opt Options) (*Image, error) {
	_, docker := s.docs["manifest.json"]
	_, oci := s.docs["index.json"]
	var im *Image
	var err error
	switch {
	case docker && (kind != "oci-archive" || !oci):
		im, err = saved(kind, want, opt, s.open)
	case oci:
		im, err = layout(ctx, kind, want, opt, s.open)
	default:
		return nil, &Error{Step: "read archive", Err: errors.New("it holds no image: neither manifest.json nor index.json is in it")}
	}
	if err != nil {
		return nil, err
	}
	for i := range im.Layers {
		l := &im.Layers[i]
		if l.File = s.resolve(l.File); !s.seen[l.File] {
			if raw, ok := s.docs[l.File]; ok { // a layer so small that it was taken for a document
				l.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
				continue
			}
			return nil, &Error{Step: "read archive", Err: fmt.Errorf("it holds no %q, which is a layer", l.File)}
		}
		if err := s.failed[l.File]; err != nil {
			return nil, &Error{Step: "read archive", Err: fmt.Errorf("layer %d, %q: %w", i, l.File, err)}
		}
	}
	return im, nil
}

// uncompressed reads r, whose first bytes tell whether it is compressed.
func uncompressed(r io.Reader) (io.Reader, func(), error) {
	in := bufio.NewReaderSize(r, 256<<10)
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z := inflate.Get(in)
		return z, func() { inflate.Put(z) }, nil
	case bytes.Equal(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}

// counted counts the bytes that are read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// grown reads what a compressed archive became, up to the limit of the ratio.
type grown struct {
	r      io.Reader
	in     *counted // compressed
	n      int64
	limits Limits
}

func (g *grown) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.n += int64(n)
	if ratio := g.n / max(g.in.n, 1); g.n > 1<<30 && ratio > g.limits.Ratio {
		return n, &LimitError{fmt.Sprintf("compression ratio: a byte of the archive became %d", ratio), g.limits.Ratio, "--max-ratio"}
	}
	return n, err
}

// untilDone is a reader that ends with a context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// stream makes an Image that is read in one piece: from what open opens. What is known of it before
// is in im.
func stream(im *Image, want string, opt Options, open func(context.Context) (io.ReadCloser, error)) *Image {
	im.Stream = func(ctx context.Context, layer Layer) error {
		r, err := open(ctx)
		if err != nil {
			return err
		}
		defer r.Close()
		s := &streamed{limits: opt.Limits}
		if err := s.read(ctx, r, layer); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return &Error{im.Name, "read archive", err}
		}
		found, err := s.image(ctx, im.Kind, want, opt)
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Name = im.Name
			}
			return err
		}
		found.Name, found.Kind, found.Stream, found.Neighbour = im.Name, im.Kind, im.Stream, im.Neighbour
		found.Remarks = append(found.Remarks, im.Remarks...)
		found.closer = im.closer
		*im = *found
		return nil
	}
	return im
}

// openStdin reads an archive from standard input.
func openStdin(kind, want string, opt Options) (*Image, error) {
	if opt.Stdin == nil {
		return nil, &Error{Step: "open archive", Err: errors.New("standard input cannot be read here")}
	}
	return stream(&Image{Kind: kind}, want, opt, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(opt.Stdin), nil }), nil
}

// isCompressed reports whether a file is a compressed one by its first bytes.
func isCompressed(f io.ReaderAt) bool {
	head := make([]byte, 4)
	n, _ := f.ReadAt(head, 0)
	return n == 4 && (string(head[:2]) == "\x1f\x8b" || string(head) == "\x28\xb5\x2f\xfd")
}

// fromStdin reports whether an archive is standard input, with the image in it that is wanted.
func fromStdin(ref string) (want string, ok bool) {
	if ref == "-" {
		return "", true
	}
	return strings.CutPrefix(ref, "-:")
}
