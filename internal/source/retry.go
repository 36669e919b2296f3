package source

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How patient a registry is met with.
const (
	attempts    = 5 // of one request, and of one body without a byte more
	firstWait   = 200 * time.Millisecond
	longestWait = 60 * time.Second // between the attempts of one request, all together: a registry that asks for more is told of as it is
	idleLimit   = 60 * time.Second // of a body that gives nothing
	leastRate   = 4 << 10          // bytes a second of a layer, over each idleLimit that it is waited for
	leastPiece  = 64 << 10         // bytes that a connection brings of a layer, or it has failed
)

// documentTime is how long a manifest, a configuration or a token may take, with
// all attempts and the waits between them.
func documentTime(idle time.Duration) time.Duration { return 2 * idle }

// retrying tries requests again that failed for a while: refused or reset
// connections, 408, 429 and 5xx, as long as Retry-After says, or twice as long
// each time. The bodies that it returns, go-containerregistry's own questions
// for tokens among them, end where nothing comes any more, and where they are
// larger than a document may be, unless they are of a layer.
type retrying struct {
	base   http.RoundTripper
	wait   func(context.Context, time.Duration) error // of tests
	idle   time.Duration                              // how long a body may give nothing
	limits Limits
}

// ofLayer marks the context of a request for a layer: it may be long.
type ofLayer struct{}

func (r *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	wait, waited := firstWait, time.Duration(0)
	outer := req.Context()
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(outer)
		res, err := r.base.RoundTrip(req.WithContext(ctx))
		if err != nil {
			cancel()
		} else {
			body := &watched{Reader: res.Body, body: res.Body, idle: r.idle, cancel: cancel}
			if outer.Value(ofLayer{}) == nil {
				body.Reader = &limited{res.Body, r.limits.Manifest, r.limits}
				body.end = time.AfterFunc(documentTime(r.idle), body.stop)
			}
			res.Body = body
		}
		pause := wait + rand.N(wait)
		switch {
		case err != nil && strings.HasSuffix(req.URL.Path, "/v2/"):
			return res, err // the first question: which scheme is spoken, and whether anybody is there
		case outer.Err() != nil || n == attempts || req.Body != nil && req.GetBody == nil:
			return res, err
		case err != nil && strings.Contains(err.Error(), "malformed HTTP"):
			return res, err // no registry: it will be none the next time
		case err != nil:
		case !temporary(res.StatusCode):
			return res, nil
		default:
			if asked, ok := retryAfter(res.Header.Get("Retry-After")); ok {
				pause = asked
			}
			if waited+pause > longestWait {
				return res, nil
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
		waited += pause
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
	case http.StatusRequestTimeout,
		http.StatusTooManyRequests,
		http.StatusInternalServerError,
		http.StatusBadGateway,
		http.StatusServiceUnavailable,
		http.StatusGatewayTimeout,
		499,
		522:
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
