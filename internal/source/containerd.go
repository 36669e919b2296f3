package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"google.golang.org/protobuf/encoding/protowire"
)

// containerd is read through the two calls of its API that give an image and its blobs
// (github.com/containerd/containerd, api/services/images/v1 and content/v1), not through its files: the
// database of its store is locked by the process that runs. A gRPC call is a request of HTTP/2 whose
// body is messages with their lengths (github.com/grpc/grpc, "PROTOCOL-HTTP2.md"); a client library of
// it would be most of the program.

// containerdAddresses are where containerd listens: CONTAINERD_ADDRESS, its own and k3s's sockets.
func containerdAddresses() ([]address, error) {
	if host := os.Getenv("CONTAINERD_ADDRESS"); host != "" {
		if !strings.Contains(host, "://") {
			host = "unix://" + host
		}
		return []address{{host, "CONTAINERD_ADDRESS"}}, nil
	}
	return []address{
		{"unix:///run/containerd/containerd.sock", "the default"}, {"unix:///run/k3s/containerd/containerd.sock", "k3s"},
	}, nil
}

// containerdNamespaces are asked in this order: Docker's command, Kubernetes and Docker's engine keep
// their images apart.
func containerdNamespaces() []string {
	if ns := os.Getenv("CONTAINERD_NAMESPACE"); ns != "" {
		return []string{ns}
	}
	return []string{"default", "k8s.io", "moby"}
}

// A containerd is a client of one.
type containerd struct {
	client    *http.Client
	namespace string
}

// openContainerd opens an image of containerd by its content store.
func openContainerd(ctx context.Context, at address, ref string, opt Options) (*Image, error) {
	u, err := url.Parse(at.host)
	if err != nil || u.Scheme != "unix" {
		return nil, fmt.Errorf("%s: %q is no socket of this machine", at.by, at.host)
	}
	full, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	t.Protocols.SetUnencryptedHTTP2(true)
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: answerTime}).DialContext(ctx, "unix", u.Path)
	}
	c := &containerd{client: &http.Client{Transport: t}}
	var target v1.Descriptor
	for _, ns := range containerdNamespaces() {
		c.namespace = ns
		err = answer(ctx, at, opt, func(ctx context.Context) (err error) {
			target, err = c.image(ctx, dockerName(full.Name()))
			return err
		})
		if !errors.Is(err, errAbsent) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	s := &store{kind: "containerd", limits: opt.Limits, cache: opt.Cache, patience: documentTime(idleLimit), blob: c.blob}
	s.manifest = s.small
	raw, err := s.document(ctx, "read manifest", target, s.manifest)
	if err != nil {
		return nil, err
	}
	im, err := s.image(ctx, raw, target, opt)
	if err != nil {
		return nil, err
	}
	return im, nil
}

// image asks for the descriptor of an image.
func (c *containerd) image(ctx context.Context, ref string) (d v1.Descriptor, err error) {
	body, err := c.call(ctx, "containerd.services.images.v1.Images/Get",
		protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), ref))
	if err != nil {
		return d, err
	}
	defer body.Close()
	message, err := body.next(1 << 20)
	if err != nil {
		return d, err
	}
	target := field(field(message, 1), 3)
	d.MediaType = types.MediaType(field(target, 1))
	if d.Digest, err = v1.NewHash(string(field(target, 2))); err != nil {
		return d, errors.New("containerd does not say the image's digest")
	}
	d.Size = int64(number(target, 3))
	return d, nil
}

// maxMessage is how many bytes of a blob containerd may send at once: it sends 1 MiB.
const maxMessage = 16 << 20

// blob reads a blob of the content store from its beginning to its end.
func (c *containerd) blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	body, err := c.call(ctx, "containerd.services.content.v1.Content/Read",
		protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), d.Digest.String()))
	if errors.Is(err, errAbsent) {
		return nil, errNotKept
	}
	if err != nil {
		return nil, err
	}
	return &contentReader{messages: body}, nil
}

// errNotKept is a blob that containerd had once.
var errNotKept = errors.New("containerd does not keep the compressed layers of this image (discard_unpacked_layers): " +
	"name it as docker://REF, or pull it with ctr content fetch")

// A contentReader is the bytes of a blob, message by message.
type contentReader struct {
	messages *messages
	rest     []byte
}

func (r *contentReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		m, err := r.messages.next(maxMessage)
		if errors.Is(err, errAbsent) {
			err = errNotKept
		}
		if err != nil {
			return 0, err
		}
		r.rest = field(m, 2)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *contentReader) Close() error { return r.messages.Close() }

// call makes one call, whose answer is a stream of messages.
func (c *containerd) call(ctx context.Context, method string, message []byte) (*messages, error) {
	head := make([]byte, 5, 5+len(message)) // not compressed, and the length
	binary.BigEndian.PutUint32(head[1:], uint32(len(message)))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://containerd/"+method,
		bytes.NewReader(append(head, message...)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	req.Header.Set("User-Agent", "tare")
	req.Header.Set("Containerd-Namespace", c.namespace)
	res, err := c.client.Do(req)
	if err != nil {
		return nil, unwrapURL(err)
	}
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/grpc") {
		res.Body.Close()
		return nil, fmt.Errorf("it does not answer as containerd does (%d)", res.StatusCode)
	}
	if err := status(res.Header); err != nil { // an answer without a message has it in its header
		res.Body.Close()
		return nil, err
	}
	return &messages{res: res}, nil
}

// status is the error that an answer ends with; nil where it says none.
func status(h http.Header) error {
	text := h.Get("Grpc-Status")
	code, err := strconv.Atoi(text)
	switch {
	case text == "" || err == nil && code == 0:
		return nil
	case code == 5: // NOT_FOUND
		return errAbsent
	}
	return fmt.Errorf("containerd refuses the call (status %.20q)", text)
}

// messages are those of an answer.
type messages struct {
	res *http.Response
	buf []byte
}

// next reads a message of at most so many bytes, valid until the next call; io.EOF behind the last.
func (m *messages) next(limit uint32) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(m.res.Body, head[:]); err == io.EOF {
		if err := status(m.res.Trailer); err != nil {
			return nil, err
		}
		return nil, io.EOF
	} else if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 || n > limit {
		return nil, fmt.Errorf("containerd sends a message of %d bytes, compressed or more than the limit of %d", n, limit)
	}
	if uint32(cap(m.buf)) < n {
		m.buf = make([]byte, n)
	}
	m.buf = m.buf[:n]
	_, err := io.ReadFull(m.res.Body, m.buf)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return m.buf, err
}

func (m *messages) Close() error { return m.res.Body.Close() }

// field is the bytes of a field of a message; nil where it has none.
func field(message []byte, want protowire.Number) (out []byte) {
	for len(message) > 0 {
		num, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if kind == protowire.BytesType && num == want {
			v, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return nil
			}
			out, message = v, message[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(num, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return out
}

// number is a field of a message that is a number; 0 where it has none.
func number(message []byte, want protowire.Number) (out uint64) {
	for len(message) > 0 {
		num, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return 0
		}
		message = message[n:]
		if kind == protowire.VarintType && num == want {
			v, n := protowire.ConsumeVarint(message)
			if n < 0 {
				return 0
			}
			out, message = v, message[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(num, kind, message); n < 0 {
			return 0
		}
		message = message[n:]
	}
	return out
}
