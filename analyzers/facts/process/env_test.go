package process

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
)

// TestVariables: what was set before counts, the pod's before the image's; and values that are made of others have an end.
func TestVariables(t *testing.T) {
	c := &analysis.Container{}
	add := func(name, value string, known bool) {
		c.Env = append(c.Env, analysis.EnvVar{Name: name, Value: value, Known: known})
	}
	add("HOST", "a", true)
	add("SECRET", "", false)
	add("URL", "$(HOST):$(LATER):$$(HOST)", true)
	add("LATER", "b", true)
	add("MADE", "$(SECRET)", true)
	add("A0", strings.Repeat("x", 10), true)
	for i := range 40 { // ten times two to the 40th
		add(fmt.Sprint("A", i+1), fmt.Sprintf("$(A%d)$(A%[1]d)", i), true)
	}
	p := &Process{env: map[string]analysis.EnvVar{}, pod: map[string]analysis.EnvVar{}}
	p.variables(c, &image{all: true, env: []analysis.EnvVar{{Name: "HOST", Value: "image", Known: true}, {Name: "OWN", Value: "image", Known: true}}})
	for name, want := range map[string]string{"HOST": "a true", "URL": "a:$(LATER):$(HOST) true", "MADE": "$(SECRET) false", "OWN": "image true", "NONE": " true"} {
		value, _, known := p.Env(name)
		if got := fmt.Sprint(value, " ", known); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if value, _, known := p.Env("A40"); known || len(value) > 2*maxValue {
		t.Errorf("A40 has %d bytes, known %v", len(value), known)
	}
}

// TestParse: a text that nests without end, or is longer than any script, is none.
func TestParse(t *testing.T) {
	if Parse("a; b") == nil {
		t.Error("a script is none")
	}
	for _, text := range []string{"(", strings.Repeat("( ", 2<<20), strings.Repeat("a;", maxScript)} {
		if Parse(text) != nil {
			t.Errorf("%.10q is a script", text)
		}
	}
	Parse(strings.Repeat("(", maxScript-1)) // the stack has room for it
}

// TestLong: a command that nobody writes is not read, and said to be none that is known.
func TestLong(t *testing.T) {
	for n, known := range map[int]bool{maxScript / 2: true, maxScript + 1: false} {
		c := &analysis.Container{Workload: &analysis.Workload{}, Command: []analysis.Text{{S: "sh"}, {S: "-c"}, {S: strings.Repeat("a", n)}}}
		p, err := compute(&analysis.Pass{Container: c})
		if err != nil || (p.Argv != nil) != known || (p.Why == "") != known {
			t.Errorf("%d bytes: %v, known %v: %q", n, err, p.Argv != nil, p.Why)
		}
	}
}
