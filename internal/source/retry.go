package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How patient a registry is met with.
const (
	attempts    = 6 // of one request, and of one body without a byte more
	firstWait   = 200 * time.Millisecond
	longestWait = 60 * time.Second // a registry that asks for more is told of as it is
	idleLimit   = 60 * time.Second // of a body that gives nothing
)

// retrying tries requests again that failed for a while: refused or reset
// connections, 408, 429 and 5xx, as long as Retry-After says, or twice as long
// each time. The bodies that it returns, go-containerregistry's own questions
// for tokens among them, end where nothing comes any more, and where they are
// larger than a document may be, unless they are of a blob.
type retrying struct {
	base   http.RoundTripper
	wait   func(context.Context, time.Duration) error // of tests
	idle   time.Duration                              // how long a body may give nothing
	limits Limits
}

// ofBlob marks the context of a request for a blob, which may lead elsewhere.
type ofBlob struct{}

// A watched body is cancelled where it gives nothing for a while.
type watched struct {
	io.Reader
	body   io.Closer
	idle   time.Duration
	cancel context.CancelFunc
	late   atomic.Bool
	end    *time.Timer // of a document as a whole; nil: none
}

func (w *watched) Read(p []byte) (int, error) {
	t := time.AfterFunc(w.idle, w.stop)
	n, err := w.Reader.Read(p)
	t.Stop()
	if err != nil && err != io.EOF && w.late.Load() {
		err = errors.New("the registry takes too long to send it")
	}
	return n, err
}

func (w *watched) stop() {
	w.late.Store(true)
	w.cancel()
}

func (w *watched) Close() error {
	err := w.body.Close()
	w.cancel()
	if w.end != nil {
		w.end.Stop()
	}
	return err
}

// limited is a document that is not read beyond its limit.
type limited struct {
	io.Reader
	left   int64
	limits Limits
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, l.limits.manifest(0)
	}
	return n, err
}

func (r *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	wait := firstWait
	outer := req.Context()
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(outer)
		res, err := r.base.RoundTrip(req.WithContext(ctx))
		if err != nil {
			cancel()
		} else {
			body := &watched{Reader: res.Body, body: res.Body, idle: r.idle, cancel: cancel}
			if outer.Value(ofBlob{}) == nil {
				body.Reader = &limited{res.Body, r.limits.Manifest, r.limits}
				body.end = time.AfterFunc(2*r.idle, body.stop)
			}
			res.Body = body
		}
		pause := wait + rand.N(wait)
		switch {
		case err != nil && strings.HasSuffix(req.URL.Path, "/v2/"):
			return res, err // the first question: which scheme is spoken, and whether anybody is there
		case outer.Err() != nil || n == attempts || req.Body != nil && req.GetBody == nil:
			return res, err
		case err != nil:
		case !temporary(res.StatusCode):
			return res, nil
		default:
			asked, ok := retryAfter(res.Header.Get("Retry-After"))
			if ok && asked > longestWait {
				return res, nil
			}
			if ok {
				pause = asked
			}
			res.Body.Close()
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		if err := r.wait(outer, pause); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 499, 522:
		return true
	}
	return false
}

// retryAfter reads the header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(v string) (time.Duration, bool) {
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t)), true
	}
	return 0, false
}

// A resuming body goes on where it broke off: the next request asks for the
// rest, and where a server knows no ranges, what was read is passed over. Who
// reads it, and hashes, notices nothing.
type resuming struct {
	ctx   context.Context
	fetch func(ctx context.Context, from int64) (*http.Response, error)
	wait  func(context.Context, time.Duration) error
	size  int64 // of the whole; -1 if unknown

	body   io.ReadCloser
	n      int64 // bytes given out
	failed int   // times in a row without a byte more
}

func (r *resuming) Read(p []byte) (int, error) {
	for {
		if r.body == nil {
			if r.n > 0 && r.n == r.size { // it broke off behind the last byte
				return 0, io.EOF
			}
			if err := r.open(); err != nil {
				if r.failed++; r.failed >= attempts || r.ctx.Err() != nil {
					return 0, err
				}
				if err := r.wait(r.ctx, firstWait<<r.failed); err != nil {
					return 0, err
				}
				continue
			}
		}
		n, err := r.body.Read(p)
		r.n += int64(n)
		if n > 0 {
			r.failed = 0
		}
		switch {
		case r.ctx.Err() != nil:
			return n, r.ctx.Err()
		case err == io.EOF && (r.size < 0 || r.n >= r.size):
			return n, io.EOF
		case err == nil:
			return n, nil
		}
		r.drop()
		if n > 0 {
			return n, nil
		}
		if r.failed++; r.failed >= attempts {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, fmt.Errorf("the registry broke off %d times after %d of %d bytes: %w", r.failed, r.n, r.size, err)
		}
		if err := r.wait(r.ctx, firstWait<<r.failed); err != nil {
			return 0, err
		}
	}
}

// open asks for what is left.
func (r *resuming) open() error {
	res, err := r.fetch(r.ctx, r.n)
	if err != nil {
		return err
	}
	if r.n > 0 && res.StatusCode == http.StatusOK { // the server knows no ranges
		if _, err := io.CopyN(io.Discard, res.Body, r.n); err != nil {
			res.Body.Close()
			return fmt.Errorf("read again to byte %d: %w", r.n, err)
		}
	}
	r.body = res.Body
	return nil
}

func (r *resuming) drop() {
	r.body.Close()
	r.body = nil
}

func (r *resuming) Close() error {
	if r.body != nil {
		r.drop()
	}
	return nil
}
