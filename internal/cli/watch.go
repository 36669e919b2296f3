package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/scan"
	"github.com/tareweight/tare/internal/trace"
)

// logger is what --log says.
func (f *scanFlags) logger(w io.Writer) (*slog.Logger, error) {
	switch f.log {
	case "none":
		return slog.New(slog.DiscardHandler), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usage("--log %q: want none, text or json", f.log)
}

// serve answers at an address while the scan runs.
func serve(at string, m *scan.Metrics) (stop func(), err error) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = m.Write(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !m.IsReady() {
			http.Error(w, "the images are being listed", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	return func() { s.Close() }, nil
}

// traceTime is how long a run that is over waits for its collector.
const traceTime = 5 * time.Second

// endTrace ends the span of the run, and sends what is left.
func endTrace(tracer *trace.Tracer, run *trace.Span, ended error) error {
	why := ""
	if ended != nil {
		why = redact.Credentials(ended.Error())
	}
	run.End(why)
	ctx, cancel := context.WithTimeout(context.Background(), traceTime)
	defer cancel()
	if err := tracer.Close(ctx); err != nil {
		return errors.New(redact.Credentials(err.Error()))
	}
	return nil
}
