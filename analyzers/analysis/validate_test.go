package analysis

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	run := func(*Pass) error { return nil }
	rule := func(change func(*Rule)) []*Analyzer {
		r := &Rule{ID: "a-x", Title: "a title", Severity: Warning}
		change(r)
		return []*Analyzer{{Name: "a", Doc: "# a\n\n## a-x\n", Rules: []*Rule{r}, Run: run}}
	}
	for want, suite := range map[string][]*Analyzer{
		"":                rule(func(*Rule) {}),
		"has no title":    rule(func(r *Rule) { r.Title = " " }),
		"has no severity": rule(func(r *Rule) { r.Severity = "" }),
		"must begin with": rule(func(r *Rule) { r.ID = "b-x" }),
		"is undocumented": rule(func(r *Rule) { r.ID = "a-y" }),
		"has no name":     {{Run: run}},
		"has no Run":      {{Name: "a"}},
		"has no rules":    {{Name: "a", Run: run}},
		"two analyzers":   append(rule(func(*Rule) {}), rule(func(*Rule) {})...),
		"two rules are called": func() []*Analyzer {
			s := rule(func(*Rule) {})
			s[0].Rules = append(s[0].Rules, s[0].Rules[0])
			return s
		}(),
	} {
		if err := Validate(suite); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
