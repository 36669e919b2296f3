package trace_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tareweight/tare/internal/trace"
)

// A collector takes spans as OTLP has them.
type collector struct {
	mu      sync.Mutex
	paths   []string
	headers http.Header
	spans   []received
	service string
	status  int
}

type received struct {
	TraceID, SpanID, ParentSpanID, Name, StartTimeUnixNano, EndTimeUnixNano string
	Kind                                                                    int
	Attributes                                                              []struct {
		Key   string
		Value map[string]any
	}
	Status *struct {
		Code    int
		Message string
	}
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []struct {
					Key   string
					Value struct{ StringValue string }
				}
			}
			ScopeSpans []struct{ Spans []received }
		}
	}
	raw, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(raw, &body); err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.paths, c.headers = append(c.paths, r.URL.Path), r.Header
	for _, rs := range body.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				c.service = a.Value.StringValue
			}
		}
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
		_, _ = io.WriteString(w, "canary")
	}
}

func environment(list map[string]string) func(string) string {
	return func(name string) string { return list[name] }
}

// TestSpans: spans arrive as they are, below each other, where and how the environment says.
func TestSpans(t *testing.T) {
	c := &collector{}
	s := httptest.NewServer(c)
	defer s.Close()
	tracer, err := trace.New(environment(map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL + "/otel/", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, y=1", "OTEL_RESOURCE_ATTRIBUTES": "service.name=no,a=b",
		"OTEL_SERVICE_NAME": "nightly", "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
	}), "tare", "1")
	if err != nil {
		t.Fatal(err)
	}
	root := tracer.Start("scan")
	step := root.Start("judge")
	step.Set("image", "app:1")
	step.Set("findings", 3)
	step.Set("known", true)
	step.End("it broke")
	root.End("")
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(c.spans) != 2 || c.paths[0] != "/otel/v1/traces" || c.headers.Get("X-Key") != "a b" || c.headers.Get("Y") != "1" || c.service != "nightly" {
		t.Fatalf("%d spans at %q, headers %v, service %q", len(c.spans), c.paths, c.headers, c.service)
	}
	child, parent := c.spans[0], c.spans[1]
	hex := regexp.MustCompile(`^[0-9a-f]{32} [0-9a-f]{16}$`)
	if child.Name != "judge" || parent.Name != "scan" || child.ParentSpanID != parent.SpanID || child.TraceID != parent.TraceID || parent.ParentSpanID != "" ||
		!hex.MatchString(child.TraceID+" "+child.SpanID) || child.SpanID == parent.SpanID || child.Kind != 1 || root.TraceID() != parent.TraceID ||
		len(child.StartTimeUnixNano) != 19 || child.EndTimeUnixNano < child.StartTimeUnixNano {
		t.Errorf("child %+v, parent %+v", child, parent)
	}
	if child.Status == nil || child.Status.Code != 2 || child.Status.Message != "it broke" || parent.Status != nil {
		t.Errorf("status %+v, %+v", child.Status, parent.Status)
	}
	text, _ := json.Marshal(child.Attributes)
	if want := `[{"Key":"image","Value":{"stringValue":"app:1"}},{"Key":"findings","Value":{"intValue":"3"}},{"Key":"known","Value":{"boolValue":true}}]`; string(text) != want {
		t.Errorf("attributes %s", text)
	}
}

// TestMany: many spans are sent as they come; a collector that is not there, or refuses, is an error at the end, which
// quotes nothing of it.
func TestMany(t *testing.T) {
	c := &collector{}
	s := httptest.NewServer(c)
	defer s.Close()
	run := func(endpoint string) error {
		tracer, err := trace.New(environment(map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://nowhere.invalid"}), "tare", "1")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		root := tracer.Start("scan")
		for range 4 {
			wg.Go(func() {
				for range 300 {
					root.Start("x").End("")
				}
			})
		}
		wg.Wait()
		root.End("")
		return tracer.Close(context.Background())
	}
	if err := run(s.URL + "/exact"); err != nil || len(c.spans) != 1201 || len(c.paths) != 3 || c.paths[0] != "/exact" {
		t.Errorf("%v, %d spans in %q", err, len(c.spans), c.paths)
	}
	c.status = http.StatusForbidden
	if err := run(s.URL); err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "canary") {
		t.Errorf("refused: %v", err)
	}
	s.Close()
	if err := run(s.URL); err == nil {
		t.Error("nobody was there, and all was sent")
	}
}

// TestNew: what the environment turns off, and what it cannot mean.
func TestNew(t *testing.T) {
	const endpoint, secret = "OTEL_EXPORTER_OTLP_ENDPOINT", "canary"
	for _, off := range []map[string]string{
		{}, {endpoint: "http://x", "OTEL_SDK_DISABLED": "true"}, {endpoint: "http://x", "OTEL_TRACES_EXPORTER": "none"},
	} {
		tracer, err := trace.New(environment(off), "tare", "1")
		if tracer != nil || err != nil {
			t.Errorf("%v: %v, %v", off, tracer, err)
		}
		span := tracer.Start("x").Start("y")
		span.Set("a", 1)
		if span.End(""); span.TraceID() != "" || tracer.Close(context.Background()) != nil {
			t.Error("nothing is something")
		}
	}
	for want, wrong := range map[string]map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT is no address":        {endpoint: "x:4318"},
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no address": {endpoint: "http://x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://x"},
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                 {endpoint: "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
		"OTEL_EXPORTER_OTLP_TIMEOUT: want milliseconds":    {endpoint: "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT": "1s"},
		"OTEL_EXPORTER_OTLP_HEADERS: pair 2 is none":       {endpoint: "http://x", "OTEL_EXPORTER_OTLP_HEADERS": "a=b," + secret},
		"OTEL_RESOURCE_ATTRIBUTES: pair 1":                 {endpoint: "http://x", "OTEL_RESOURCE_ATTRIBUTES": "=" + secret},
	} {
		if _, err := trace.New(environment(wrong), "tare", "1"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%v: %v, want %q", wrong, err, want)
		}
	}
}

// TestSlow: a collector that does not answer holds a bounded number of spans; the others are dropped, and that is said.
func TestSlow(t *testing.T) {
	answer := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-answer
	}))
	defer s.Close()
	tracer, err := trace.New(environment(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL}), "tare", "1")
	if err != nil {
		t.Fatal(err)
	}
	root := tracer.Start("scan")
	for range 10_007 {
		root.Start("x").End("")
	}
	close(answer)
	if err := tracer.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "7 spans were more than could be sent") {
		t.Errorf("%v", err)
	}
}

// TestLong: of a long run all spans arrive, as those that were sent wait no more.
func TestLong(t *testing.T) {
	c := &collector{}
	s := httptest.NewServer(c)
	defer s.Close()
	tracer, err := trace.New(environment(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL}), "tare", "1")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for range 4000 {
			tracer.Start("x").End("")
		}
		if err := tracer.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.spans) != 12_000 {
		t.Errorf("%d spans", len(c.spans))
	}
}
