package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/report"
)

// A ledger says which entries of configurations ignored something in a run: whether one is
// needed is known when all targets are judged.
type ledger struct {
	entries []*ignore.Ignore                 // in force for some target, in directories that were asked for as a whole
	configs map[*ignore.Ignore]driver.Config // in force where each is
	used    map[*ignore.Ignore]bool
	open    map[string]bool // rules that were not run, or not decided, of some target
	images  bool            // an image was judged
	blind   bool            // containers were judged without their image
	broken  bool            // something could not be judged
}

func newLedger(fd *finder) *ledger {
	l := &ledger{used: map[*ignore.Ignore]bool{}, open: map[string]bool{}, configs: map[*ignore.Ignore]driver.Config{}}
	seen := map[*ignore.Ignore]bool{}
	whole := fd.flags.since == "" && fd.flags.image == "" && fd.flags.target == ""
	for i := range fd.targets {
		for _, x := range fd.targets[i].Config.Ignores {
			if !seen[x] && whole && fd.asked(absolute(filepath.Dir(filepath.FromSlash(x.Path)))) {
				l.entries = append(l.entries, x)
				l.configs[x] = fd.targets[i].Config
			}
			seen[x] = true
		}
	}
	return l
}

// add adds what one target used.
func (l *ledger) add(j judged) {
	for _, x := range j.ignores {
		l.used[x] = true
	}
	for _, n := range j.report.NotRun {
		l.open[n.Rule] = true
	}
	l.images = l.images || j.report.Image != nil
	l.blind = l.blind || j.report.Image == nil && len(j.report.Containers) > 0
	l.broken = l.broken || len(j.report.Errors) > 0
}

// unused reports entries that ignored nothing, of each file as a target of its own. Nothing
// is said of one that might have, had all been judged.
func (l *ledger) unused(opt driver.Options) (targets []report.Target) {
	rule := ruleOf(opt, "ignore-unused")
	if rule == nil || l.broken {
		return nil
	}
	var files []string
	by := map[string]*driver.Result{}
	for _, x := range l.entries {
		if l.used[x] || x.Over(opt.Now) || x.Images != nil && !l.images || !l.decided(opt, x.Names) {
			continue
		}
		c := l.configs[x]
		severity, off := c.Level(rule, "ignore", x.Path)
		if off {
			continue
		}
		if by[x.Path] == nil {
			by[x.Path] = &driver.Result{Target: driver.Target{Name: x.Path, Config: driver.Config{FailOn: c.FailOn, Strict: c.Strict}}}
			files = append(files, x.Path)
		}
		f := analysis.Finding{
			Rule: rule, Severity: cmp.Or(severity, rule.Severity), Location: analysis.Location{Path: x.Path, Line: x.Line, End: x.Line},
			Key:     fmt.Sprintf("%s: %s #%d", x.Path, strings.Join(x.Names, ", "), len(by[x.Path].Findings)+1),
			Message: fmt.Sprintf("nothing is found that the entry names (%s): remove it", strings.Join(x.Names, ", ")),
		}
		by[x.Path].Findings = append(by[x.Path].Findings, f)
	}
	for _, file := range files {
		targets = append(targets, report.NewTarget(by[file], func(string, int, int) []string { return nil }))
	}
	return targets
}

// decided reports whether all rules of those names, or of checks of those names, were run
// and decided everywhere.
func (l *ledger) decided(opt driver.Options, names []string) bool {
	for _, a := range opt.Analyzers {
		for _, r := range a.Rules {
			if !slices.Contains(names, r.ID) && !slices.Contains(names, a.Name) {
				continue
			}
			more := (r.Needs|r.Any)&analysis.InputWorkload != 0 && (r.Any|r.Uses)&(analysis.InputManifest|analysis.InputFiles) != 0
			if l.open[r.ID] || !opt.Enabled(r) || l.blind && more { // the image may tell more of a container
				return false
			}
		}
	}
	return true
}

// ruleOf is the rule of that name, if it is enabled.
func ruleOf(opt driver.Options, id string) *analysis.Rule {
	for _, a := range opt.Analyzers {
		for _, r := range a.Rules {
			if r.ID == id && opt.Enabled(r) {
				return r
			}
		}
	}
	return nil
}
