package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

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
