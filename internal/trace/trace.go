// Package trace sends spans to an OpenTelemetry collector, as the standard variables of the environment say
// (opentelemetry.io/docs/specs/otel/protocol/exporter), in OTLP's JSON over HTTP
// (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"). OpenTelemetry's own exporter would add 8 MB to the
// binary; of it a scan needs a list of spans and one request.
package trace

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What waits to be sent: more is dropped, a scan does not wait for its collector.
const (
	batch   = 500
	pending = 10_000
)

// A Tracer collects spans and sends them. It may be used by several at once. Nil collects nothing.
type Tracer struct {
	endpoint string
	headers  http.Header
	resource []attribute
	client   *http.Client

	mu      sync.Mutex
	spans   []span // that are ended and not sent
	waiting int    // of them, and of those that are on their way
	dropped int
	err     error // the first that kept spans from being sent
	sending sync.WaitGroup
}

// New returns the tracer that the environment asks for; nil if it asks for none. The error is a variable with a
// value that cannot be followed.
func New(env func(string) string, service, version string) (*Tracer, error) {
	first := func(name string) (string, string) { // that of traces counts before that of all signals
		of := "OTEL_EXPORTER_OTLP_TRACES_" + name
		if v := env(of); v != "" {
			return v, of
		}
		return env("OTEL_EXPORTER_OTLP_" + name), "OTEL_EXPORTER_OTLP_" + name
	}
	endpoint, from := first("ENDPOINT")
	if endpoint == "" || strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || env("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is no address: want http://HOST:4318", from)
	}
	if from == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/traces"
	}
	if protocol, name := first("PROTOCOL"); protocol == "grpc" {
		return nil, fmt.Errorf("%s=grpc: traces are sent over HTTP: want http/json, and the collector's port for HTTP (4318)", name)
	}
	t := &Tracer{
		endpoint: u.String(),
		headers:  http.Header{"Content-Type": {"application/json"}},
		client:   &http.Client{Timeout: 10 * time.Second},
	}
	if limit, name := first("TIMEOUT"); limit != "" {
		ms, err := strconv.Atoi(limit)
		if err != nil || ms <= 0 {
			return nil, fmt.Errorf("%s: want milliseconds", name)
		}
		t.client.Timeout = time.Duration(ms) * time.Millisecond
	}
	list, name := first("HEADERS")
	if err := pairs(list, func(k, v string) { t.headers.Set(k, v) }); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	named := map[string]string{"service.name": service, "service.version": version}
	if err := pairs(env("OTEL_RESOURCE_ATTRIBUTES"), func(k, v string) { named[k] = v }); err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	if s := env("OTEL_SERVICE_NAME"); s != "" {
		named["service.name"] = s
	}
	for k, v := range named {
		t.resource = append(t.resource, of(k, v))
	}
	return t, nil
}

// pairs reads a list "KEY=VALUE,...", percent-encoded (W3C baggage). Values may be secrets: no error quotes them.
func pairs(list string, each func(key, value string)) error {
	for i, p := range strings.Split(list, ",") {
		k, v, ok := strings.Cut(p, "=")
		value, err := url.PathUnescape(strings.TrimSpace(v))
		if k = strings.TrimSpace(k); strings.TrimSpace(p) == "" {
			continue
		}
		if !ok || k == "" || err != nil {
			return fmt.Errorf("pair %d is none: want KEY=VALUE,KEY=VALUE", i+1)
		}
		each(k, value)
	}
	return nil
}

// An attribute is one of OTLP's key and value pairs.
type attribute struct {
	Key   string         `json:"key"`
	Value map[string]any `json:"value"`
}

// of makes an attribute; an int is a string in JSON, as all numbers of 64 bits are.
func of(key string, value any) attribute {
	switch v := value.(type) {
	case int:
		return attribute{key, map[string]any{"intValue": strconv.Itoa(v)}}
	case bool:
		return attribute{key, map[string]any{"boolValue": v}}
	}
	return attribute{key, map[string]any{"stringValue": fmt.Sprint(value)}}
}

// A span is one as OTLP writes it.
type span struct {
	TraceID    string      `json:"traceId"`
	ID         string      `json:"spanId"`
	Parent     string      `json:"parentSpanId,omitempty"`
	Name       string      `json:"name"`
	Kind       int         `json:"kind"` // 1: internal
	Start      string      `json:"startTimeUnixNano"`
	End        string      `json:"endTimeUnixNano"`
	Attributes []attribute `json:"attributes,omitempty"`
	Status     *status     `json:"status,omitempty"`
}

type status struct {
	Code    int    `json:"code"` // 2: error
	Message string `json:"message,omitempty"`
}

// A Span is a step of a run that is under way. It is for one goroutine, but others may Start spans below it. Nil is a step that
// nobody traces.
type Span struct {
	tracer *Tracer
	span   span
}

// Start begins a trace.
func (t *Tracer) Start(name string) *Span {
	if t == nil {
		return nil
	}
	return t.start(id(16), "", name)
}

func (t *Tracer) start(trace, parent, name string) *Span {
	return &Span{t, span{TraceID: trace, ID: id(8), Parent: parent, Name: name, Kind: 1, Start: now()}}
}

// Start begins a step of s.
func (s *Span) Start(name string) *Span {
	if s == nil {
		return nil
	}
	return s.tracer.start(s.span.TraceID, s.span.ID, name)
}

// Set says something of the step: a string, an int or a bool.
func (s *Span) Set(key string, value any) {
	if s != nil {
		s.span.Attributes = append(s.span.Attributes, of(key, value))
	}
}

// End ends the step; failed is why it failed, "" if it did not.
func (s *Span) End(failed string) {
	if s == nil {
		return
	}
	s.span.End = now()
	if failed != "" {
		s.span.Status = &status{2, failed}
	}
	s.tracer.add(s.span)
}

// TraceID is that of the trace, for logs; "" of none.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return s.span.TraceID
}

func (t *Tracer) add(s span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == pending {
		t.dropped++
		return
	}
	t.waiting++
	if t.spans = append(t.spans, s); len(t.spans)%batch == 0 {
		spans := t.spans
		t.spans = nil
		t.sending.Go(func() { t.send(context.Background(), spans) })
	}
}

// Close sends what was not sent. The error is why some was lost.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.sending.Wait()
	t.mu.Lock()
	spans := t.spans
	t.spans = nil
	t.mu.Unlock()
	if len(spans) > 0 {
		t.send(ctx, spans)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && t.dropped > 0 {
		return fmt.Errorf("%d spans were more than could be sent", t.dropped)
	}
	return t.err
}

// send sends spans in one request.
func (t *Tracer) send(ctx context.Context, spans []span) {
	body, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{
		"resource":   map[string]any{"attributes": t.resource},
		"scopeSpans": []any{map[string]any{"scope": map[string]any{"name": "github.com/tareweight/tare"}, "spans": spans}},
	}}})
	if err == nil {
		err = t.post(ctx, body)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting -= len(spans); t.err == nil && err != nil {
		t.err = err
	}
}

// post sends a body. What the collector answers is not quoted: it may repeat a header that it was sent.
func (t *Tracer) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = t.headers.Clone()
	res, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %d %s", req.URL.Redacted(), res.StatusCode, http.StatusText(res.StatusCode))
	}
	return nil
}

func now() string { return strconv.FormatInt(time.Now().UnixNano(), 10) }

func id(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}
