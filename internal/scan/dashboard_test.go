package scan_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/tareweight/tare/internal/scan"
	"github.com/tareweight/tare/internal/source"
)

// TestDashboard: the dashboard of deploy/ shows metrics that there are, by labels that they have, and each of them.
func TestDashboard(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := scan.NewMetrics(&source.Counts{}).Write(&b); err != nil {
		t.Fatal(err)
	}
	// the lines of metrics without a value yet are not there, but what they are is said
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`# TYPE (\S+)`).FindAllStringSubmatch(b.String(), -1) {
		names[m[1]] = false
	}
	labels := []string{"job", "outcome", "severity", "status", "step"}
	words := regexp.MustCompile(`tare_[a-z_]+|by \(([a-z]+)\)|([a-z]+)=~?"`)
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			for _, m := range words.FindAllStringSubmatch(target.Expr, -1) {
				if label := m[1] + m[2]; label != "" {
					if !slices.Contains(labels, label) {
						t.Errorf("panel %q: no metric has the label %q", p.Title, label)
					}
					continue
				}
				if _, ok := names[m[0]]; !ok {
					t.Errorf("panel %q: there is no metric %q", p.Title, m[0])
				}
				names[m[0]] = true
			}
		}
	}
	for name, shown := range names {
		if !shown {
			t.Errorf("no panel shows %q", name)
		}
	}
}
