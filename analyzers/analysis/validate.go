package analysis

import (
	"fmt"
	"strings"
)

// Validate checks a suite: names, documentation and rules. It is a mistake of
// who wrote an analyzer, not of who runs it.
func Validate(analyzers []*Analyzer) error {
	names, ids := map[string]bool{}, map[string]bool{}
	for _, a := range analyzers {
		switch {
		case a.Name == "":
			return fmt.Errorf("an analyzer has no name")
		case names[a.Name]:
			return fmt.Errorf("two analyzers are called %q", a.Name)
		case a.Run == nil:
			return fmt.Errorf("analyzer %q has no Run", a.Name)
		case len(a.Rules) == 0:
			return fmt.Errorf("analyzer %q has no rules", a.Name)
		}
		names[a.Name] = true
		for _, r := range a.Rules {
			switch {
			case !strings.HasPrefix(r.ID, a.Name+"-"):
				return fmt.Errorf("rule %q of analyzer %q: its ID must begin with %q", r.ID, a.Name, a.Name+"-")
			case strings.TrimSpace(r.Title) == "":
				return fmt.Errorf("rule %q has no title", r.ID)
			case ids[r.ID]:
				return fmt.Errorf("two rules are called %q", r.ID)
			case r.Severity != Error && r.Severity != Warning && r.Severity != Note:
				return fmt.Errorf("rule %q has no severity", r.ID)
			case !strings.Contains(a.Doc, "\n## "+r.ID+"\n"):
				return fmt.Errorf("rule %q is undocumented: its analyzer's Doc has no section %q", r.ID, "## "+r.ID)
			}
			ids[r.ID] = true
		}
	}
	return nil
}
