package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tareweight/tare/internal/cli"
)

// TestScanTraces: a run is one trace, its steps and its images are spans of it, that a collector gets, and the log names
// it. A collector that is not there is said, and changes nothing else.
func TestScanTraces(t *testing.T) {
	host, _ := registryOf(t, "team/a:1", "team/b:1")
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("XDG_CACHE_HOME", dir)
	type span struct {
		TraceID, SpanID, ParentSpanID, Name string
		Attributes                          []struct {
			Key   string
			Value map[string]string
		}
		Status struct{ Code int }
	}
	var mu sync.Mutex
	var spans []span
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var body struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &body); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v: %s", r.URL, err, raw)
			return
		}
		for _, rs := range body.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				spans = append(spans, ss.Spans...)
			}
		}
	}))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	if err := os.WriteFile("list", []byte(host+"/team/a:1\n"+host+"/team/b:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, errs := run("scan", "--from", "list", "--log", "json", "--no-config")
	if status != cli.Clean {
		t.Fatalf("status %d: %s", status, errs)
	}
	var got []string
	var root span
	for _, s := range spans {
		if s.ParentSpanID == "" {
			root = s
		}
	}
	for _, s := range spans {
		line := s.Name
		for _, a := range s.Attributes {
			if a.Key == "tare.image" || a.Key == "tare.images" || a.Key == "tare.references" {
				line += " " + a.Value["stringValue"] + a.Value["intValue"]
			}
		}
		if got = append(got, strings.ReplaceAll(line, host, "HOST")); s.TraceID != root.TraceID || s.SpanID != root.SpanID && s.ParentSpanID != root.SpanID {
			t.Errorf("%+v is not of %+v", s, root)
		}
	}
	slices.Sort(got)
	if want := "judge HOST/team/a:1; judge HOST/team/b:1; list 2; plan 2; resolve 2; scan"; strings.Join(got, "; ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "; "), want)
	}
	if n := strings.Count(errs, fmt.Sprintf(`"trace":%q`, root.TraceID)); n < 4 {
		t.Errorf("the log names the trace %d times: %s", n, errs)
	}
	collector.Close()
	status, out, _ := run("scan", "--from", "list", "--no-config")
	if status != cli.Clean || !strings.Contains(out, "traces were not sent") {
		t.Errorf("no collector: status %d: %s", status, out)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.Replace(collector.URL, "//", "//user:canary@", 1))
	if _, out, errs := run("scan", "--from", "list", "--no-config", "--log", "text"); strings.Contains(out+errs, "canary") || !strings.Contains(errs, "traces were not sent") {
		t.Errorf("a password of the collector's address: %s%s", out, errs)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
	if status, _, errs := run("scan", "--from", "list"); status != cli.Usage || !strings.Contains(errs, "is no address") {
		t.Errorf("no address: status %d: %s", status, errs)
	}
}
