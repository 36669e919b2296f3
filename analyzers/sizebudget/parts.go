package sizebudget

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/python"
)

// layers holds each layer above the base to a budget.
func layers(pass *analysis.Pass, budget analysis.Bytes) {
	if budget == 0 {
		pass.Undecided(layer, nil, unset)
		return
	}
	if pass.Image.Base.How == "" {
		pass.Undecided(layer, nil, analysis.NoBase)
		return
	}
	for _, l := range pass.Image.Layers {
		size, what := l.Size.Download, "to download"
		if size == 0 {
			size, what = l.Size.Unpacked, "unpacked"
		}
		if l.Base || size <= int64(budget) {
			continue
		}
		over(pass, layer, l, l.Key(), size, "the layer is %s %s, %s over its budget of %s", analysis.Bytes(size), what,
			analysis.Bytes(size-int64(budget)), budget)
	}
}

// over reports what measures size bytes, more than its budget.
func over(pass *analysis.Pass, rule *analysis.Rule, at analysis.Node, key string, size int64, format string, args ...any) {
	pass.Report(analysis.Finding{
		Rule: rule, Location: at.Location(), Key: key, Measured: size, Message: fmt.Sprintf(format, args...),
	})
}

const unset = "no budget is set"

// added holds what stands above the base to a budget.
func added(pass *analysis.Pass, budget analysis.Bytes) {
	switch {
	case budget == 0:
		pass.Undecided(app, nil, unset)
		return
	case pass.Image.Base.How == "":
		pass.Undecided(app, nil, analysis.NoBase)
		return
	}
	var total int64
	var most *analysis.Layer
	for _, l := range pass.Image.Layers {
		if l.Base {
			continue
		}
		total += l.Size.Unpacked
		if most == nil || l.Size.Unpacked > most.Size.Unpacked {
			most = l
		}
	}
	if total > int64(budget) {
		over(pass, app, most, "app", total, "%s was added to the base, %s over the budget of %s; this line adds %s",
			analysis.Bytes(total), analysis.Bytes(total-int64(budget)), budget, analysis.Bytes(most.Size.Unpacked))
	}
}

// A Glob is a pattern of path.Match, or a name without any sign of one.
type Glob string

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *Glob) UnmarshalText(text []byte) error {
	if _, err := path.Match(string(text), ""); err != nil || len(text) == 0 {
		return fmt.Errorf("%q is no pattern: want a name, or one with * or ?", text)
	}
	*g = Glob(text)
	return nil
}

// below holds directories to their budgets. The place is the layer that holds
// most of what is below.
func below(pass *analysis.Pass, budgets map[Glob]analysis.Bytes) {
	if len(budgets) == 0 {
		pass.Undecided(tree, nil, unset)
		return
	}
	for _, glob := range slices.Sorted(maps.Keys(budgets)) {
		dir := string(glob)
		within := inside(strings.Trim(dir, "/"))
		var total int64
		by := map[*analysis.Layer]int64{}
		for p, f := range pass.Image.Files() {
			if f.Mode.IsRegular() && !f.Hard && within(p) {
				total += f.Size
				by[f.Layer] += f.Size
			}
		}
		if budget := budgets[glob]; total > int64(budget) {
			over(pass, tree, heaviestLayer(pass, by), dir, total, "%s is %s, %s over its budget of %s", dir, analysis.Bytes(total),
				analysis.Bytes(total-int64(budget)), budget)
		}
	}
}

// inside reports whether a path is a directory or below it, or, of a pattern, one that matches or
// below one. The root holds all.
func inside(dir string) func(string) bool {
	if dir == "" {
		return func(string) bool { return true }
	}
	if !strings.ContainsAny(dir, `*?[\`) {
		return func(p string) bool {
			rest, ok := strings.CutPrefix(p, dir)
			return ok && (rest == "" || rest[0] == '/')
		}
	}
	parts := strings.Count(dir, "/") + 1
	last, was := "\x00", false // files come directory by directory
	return func(p string) bool {
		i, n := 0, 0
		for ; i < len(p); i++ {
			if p[i] == '/' {
				if n++; n == parts {
					break
				}
			}
		}
		if top := p[:i]; top != last {
			last = top
			was, _ = path.Match(dir, top)
		}
		return was
	}
}

func heaviestLayer(pass *analysis.Pass, by map[*analysis.Layer]int64) *analysis.Layer {
	var most *analysis.Layer
	for _, l := range pass.Image.Layers {
		if most == nil || by[l] > by[most] {
			most = l
		}
	}
	return most
}

// installed holds packages to their budgets.
func installed(pass *analysis.Pass, budgets map[Glob]analysis.Bytes) {
	if len(budgets) == 0 {
		pass.Undecided(pkg, nil, unset)
		return
	}
	set := packages.Fact.Of(pass)
	if set.Unread != "" {
		pass.Undecided(pkg, nil, set.Unread)
	}
	named := map[string]analysis.Bytes{}
	var patterns []string // the longest first: it says most
	for glob, budget := range budgets {
		name := python.NormalizeName(string(glob))
		if named[name] = budget; strings.ContainsAny(name, `*?[\`) {
			patterns = append(patterns, name)
		}
	}
	slices.SortFunc(patterns, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	for _, p := range set.List {
		name := python.NormalizeName(p.Name)
		budget, ok := named[name]
		for i := 0; i < len(patterns) && !ok; i++ {
			if ok, _ = path.Match(patterns[i], name); ok {
				budget = named[patterns[i]]
			}
		}
		if !ok {
			continue
		}
		if size := p.Bytes(); size > int64(budget) && p.Layer != nil {
			pass.Report(analysis.Finding{
				Rule: pkg, Location: p.Layer.Location(), Key: string(p.Type) + " " + p.Name + " " + p.Dir,
				Packages: []string{p.Name}, Measured: size,
				Message: fmt.Sprintf("package %q (%s) is %s, %s over its budget of %s", p.Name, p.Type, analysis.Bytes(size),
					analysis.Bytes(size-int64(budget)), budget),
			})
		}
	}
}
