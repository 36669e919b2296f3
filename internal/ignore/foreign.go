package ignore

import (
	_ "embed"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// foreignText is a table of other tools' rules that say what a rule of Tare's says: the
// tool, its rule, ours.
//
//go:embed foreign.tsv
var foreignText string

// A foreignRule is a line of it.
type foreignRule struct{ tool, rule, ours string }

var foreignRules = func() (rules []foreignRule) {
	for line := range strings.Lines(foreignText) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 && !strings.HasPrefix(line, "#") {
			rules = append(rules, foreignRule{f[0], f[1], f[2]})
		}
	}
	return rules
}()

// What the others write: "# hadolint ignore=DL3006,DL3013" above an instruction, "# hadolint
// global ignore=DL3006" for the file (hadolint's README, "Inline ignores"), and the parser directive
// "# check=skip=JSONArgsRecommended" for the file, which counts at its head alone (docs.docker.com/build/checks).
var (
	reHadolint        = regexp.MustCompile(`^\s*#\s*hadolint\s+(global\s+)?.*?ignore\s*=\s*([A-Z0-9, ]+)`)
	reDirective       = regexp.MustCompile(`(?im)^\s*#\s*check\s*=\s*(?:[^\r\n]*;)?\s*skip\s*=\s*([\w, ]+)`)
	reParserDirective = regexp.MustCompile(`^\s*#\s*[a-zA-Z]+\s*=`)
)

// foreign reads another tool's comment. It reports whether the line is one that names a
// rule which one of Tare's says too. Head is whether it may be a directive.
func (g *Ignore) foreign(line string, head bool) bool {
	if m := reHadolint.FindStringSubmatch(line); m != nil {
		g.name("hadolint", m[2])
		if m[1] != "" {
			g.First, g.Last = 1, math.MaxInt
		}
	} else if m := reDirective.FindStringSubmatch(line); m != nil && head {
		g.name("buildkit", m[1])
		g.First, g.Last = 1, math.MaxInt
	}
	g.Foreign = true
	g.Reason = analysis.Clip(strings.TrimLeft(strings.TrimSpace(line), "# \t"), maxReason)
	return len(g.Names) > 0
}

// name adds our names for the tool's rules of a list.
func (g *Ignore) name(tool, list string) {
	for rule := range strings.SplitSeq(list, ",") {
		rule = strings.TrimSpace(rule)
		for _, r := range foreignRules {
			if r.tool == tool && (r.rule == rule || rule == "all") && !slices.Contains(g.Names, r.ours) {
				g.Names = append(g.Names, r.ours)
			}
		}
	}
}
