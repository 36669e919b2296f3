package source

import (
	"cmp"
	"context"
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
	who    string      // sends it; "": the registry
}

func (w *watched) Read(p []byte) (int, error) {
	t := time.AfterFunc(w.idle, w.stop)
	n, err := w.Reader.Read(p)
	t.Stop()
	if err != nil && err != io.EOF && w.late.Load() {
		err = fmt.Errorf("%s takes too long to send it", cmp.Or(w.who, "the registry"))
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

	window time.Duration // in which a least number of bytes must come

	body   io.ReadCloser
	n      int64 // bytes given out
	failed int   // connections in a row that brought next to nothing
	since  int64 // n when the last connection was opened

	waited time.Duration // for the bytes of this window
	came   int64         // n when it began
}

// errSlow is a layer that would take for ever.
var errSlow = fmt.Errorf("the registry sends less than %d bytes a second", leastRate)

// pace counts the time that was waited for bytes, and is errSlow where they
// were too few.
func (r *resuming) pace(start time.Time) error {
	if r.waited += time.Since(start); r.waited < r.window {
		return nil
	}
	few := r.n-r.came < int64(leastRate*r.waited.Seconds())
	r.waited, r.came = 0, r.n
	if few && r.n != r.size {
		return errSlow
	}
	return nil
}

func (r *resuming) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := r.read(p)
	if slow := r.pace(start); err == nil {
		err = slow
	}
	return n, err
}

func (r *resuming) read(p []byte) (int, error) {
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
		if r.n-r.since >= leastPiece {
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
		if r.failed++; r.failed >= attempts {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, fmt.Errorf("the registry broke off %d times, and now after %d of %d bytes: %w", r.failed, r.n, r.size, err)
		}
		if n > 0 {
			return n, nil
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
	r.body, r.since = res.Body, r.n
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
