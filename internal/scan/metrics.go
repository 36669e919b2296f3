package scan

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tareweight/tare/internal/source"
)

// Metrics are what a run did, in Prometheus's text format (prometheus.io, "Exposition formats"). They may
// be read while it runs. Nil counts nothing.
type Metrics struct {
	mu       sync.Mutex
	images   map[string]int64   // by outcome: judged, known, failed
	findings map[string]int64   // by severity
	steps    map[string]float64 // seconds, by step
	counts   *source.Counts
	start    time.Time
	ended    bool
	ready    bool
}

// NewMetrics returns metrics of a run that begins now, whose requests counts has.
func NewMetrics(counts *source.Counts) *Metrics {
	return &Metrics{images: map[string]int64{}, findings: map[string]int64{}, steps: map[string]float64{}, counts: counts, start: time.Now()}
}

func (m *Metrics) image(r *Result) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(r.Errors) > 0:
		m.images["failed"]++
	case r.Known:
		m.images["known"]++
	default:
		m.images["judged"]++
	}
	for _, f := range r.Findings {
		m.findings[string(f.Severity)]++
	}
}

func (m *Metrics) seconds(step string, d time.Duration) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps[step] += d.Seconds()
}

// Failed counts what could not be judged before its image was known.
func (m *Metrics) Failed(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.images["failed"] += int64(n)
}

// Ready notes that the images are known, and End that the run is over.
func (m *Metrics) Ready() { m.set(&m.ready) }
func (m *Metrics) End()   { m.set(&m.ended) }

func (m *Metrics) set(what *bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*what = true
}

// IsReady reports whether the images are known.
func (m *Metrics) IsReady() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready
}

// Write writes them.
func (m *Metrics) Write(w io.Writer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	head := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	head("tare_scan_images_total", "counter", "Images of the run, by outcome.")
	for _, outcome := range []string{"judged", "known", "failed"} {
		fmt.Fprintf(&b, "tare_scan_images_total{outcome=%q} %d\n", outcome, m.images[outcome])
	}
	head("tare_scan_findings_total", "counter", "Findings of the images, by severity.")
	for _, severity := range []string{"error", "warning", "note"} {
		fmt.Fprintf(&b, "tare_scan_findings_total{severity=%q} %d\n", severity, m.findings[severity])
	}
	if m.counts != nil {
		head("tare_registry_requests_total", "counter", "Requests to registries, by the status of the answer; 0 is none.")
		requests := m.counts.Requests()
		for _, status := range slices.Sorted(maps.Keys(requests)) {
			fmt.Fprintf(&b, "tare_registry_requests_total{status=\"%d\"} %d\n", status, requests[status])
		}
		head("tare_registry_received_bytes_total", "counter", "Bytes that registries sent.")
		fmt.Fprintf(&b, "tare_registry_received_bytes_total %d\n", m.counts.Bytes())
	}
	head("tare_scan_step_seconds_total", "counter", "Seconds that steps took, over all workers.")
	for _, step := range slices.Sorted(maps.Keys(m.steps)) {
		fmt.Fprintf(&b, "tare_scan_step_seconds_total{step=%q} %g\n", step, m.steps[step])
	}
	head("tare_scan_duration_seconds", "gauge", "Seconds since the run began, or how long it took.")
	fmt.Fprintf(&b, "tare_scan_duration_seconds %g\n", time.Since(m.start).Seconds())
	head("tare_scan_completed", "gauge", "1 once the run is over.")
	completed := 0
	if m.ended {
		completed = 1
	}
	fmt.Fprintf(&b, "tare_scan_completed %d\n", completed)
	_, err := io.WriteString(w, b.String())
	return err
}
