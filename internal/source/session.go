package source

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// A Session is what the images of a run share: one client for each repository,
// with its credentials and its token, over one budget of connections for each
// registry. It may be used by several at once. Nil shares nothing but connections.
type Session struct {
	Counts Counts // of what was asked

	mu      sync.Mutex
	clients map[string]*session
	amazons map[string]*exchanged
}

// Counts are of the requests of a session.
type Counts struct {
	mu       sync.Mutex
	requests map[int]int64 // by status; 0: none came
	bytes    atomic.Int64  // of bodies
}

// Requests returns how many requests there were, by the status of their answers, 0 being none.
func (c *Counts) Requests() map[int]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.requests)
}

// Bytes returns how many bytes of bodies were received.
func (c *Counts) Bytes() int64 { return c.bytes.Load() }

// counting counts the requests that pass.
type counting struct {
	base http.RoundTripper
	to   *Counts
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.base.RoundTrip(req)
	status := 0
	if err == nil {
		status = res.StatusCode
		res.Body = &countedBody{res.Body, c.to}
	}
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	if c.to.requests == nil {
		c.to.requests = map[int]int64{}
	}
	c.to.requests[status]++
	return res, err
}

type countedBody struct {
	io.ReadCloser
	to *Counts
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.to.bytes.Add(int64(n))
	return n, err
}

// A session is the client of one repository, or why there is none.
type session struct {
	once   sync.Once
	client *http.Client
	err    error
}

// maxConnections is how many connections to one registry are open at a time.
const maxConnections = 16

// connections are shared by all images of a run.
var connections = sync.OnceValue(func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout, t.DisableCompression, t.MaxConnsPerHost = 60*time.Second, true, maxConnections
	return t
})

// client returns the client of a repository. It asks for credentials and a token
// where the session has none yet.
func (s *Session) client(ctx context.Context, repo name.Repository, opt Options) (*http.Client, error) {
	if s == nil {
		return dial(ctx, repo, opt)
	}
	s.mu.Lock()
	if s.clients == nil {
		s.clients = map[string]*session{}
	}
	x := s.clients[repo.Name()]
	if x == nil {
		x = new(session)
		s.clients[repo.Name()] = x
	}
	s.mu.Unlock()
	x.once.Do(func() { x.client, x.err = dial(ctx, repo, opt) })
	return x.client, x.err
}

// dial finds the credentials for a repository, and reaches its registry.
func dial(ctx context.Context, repo name.Repository, opt Options) (*http.Client, error) {
	auth, err := credentials(ctx, repo, opt)
	if err != nil {
		return nil, &Error{Step: "find credentials", Err: err}
	}
	base, err := opt.transport(repo.RegistryStr())
	if err != nil {
		return nil, &Error{Step: "reach the registry", Err: err}
	}
	if opt.Session != nil {
		base = &counting{base, &opt.Session.Counts}
	}
	idle := cmp.Or(opt.idle, idleLimit)
	base = transport.NewUserAgent(&confined{&retrying{base, opt.waiting(), idle, opt.Limits}, repo.RegistryStr()}, "tare")
	var t http.RoundTripper
	err = within(ctx, documentTime(idle), func(ctx context.Context) error {
		t, err = transport.NewWithContext(ctx, repo.Registry, auth, base, []string{repo.Scope(transport.PullScope)})
		return err
	})
	if err != nil {
		return nil, &Error{Step: "reach the registry", Err: explain(err, repo)}
	}
	return &http.Client{Transport: t}, nil
}

// waiting is how the run waits.
func (opt Options) waiting() func(context.Context, time.Duration) error {
	if opt.wait != nil {
		return opt.wait
	}
	return sleep
}
