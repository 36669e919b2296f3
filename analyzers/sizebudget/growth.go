package sizebudget

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/python"
)

// Growth is how much an image may grow against the baseline image. Without any setting the
// unpacked size may grow by 5 %, and more is a warning.
type Growth struct {
	Total    analysis.Allowance `yaml:"total"`    // of all files, unpacked
	Download analysis.Allowance `yaml:"download"` // of the compressed layers
	Package  analysis.Allowance `yaml:"package"`  // of each installed package; a new one grows from nothing
	Layer    analysis.Allowance `yaml:"layer"`    // of each layer above the base, unpacked; a new one grows from nothing
}

var growth = &analysis.Rule{
	ID:       "sizebudget-growth",
	Title:    "the image grew by more than it may",
	Severity: analysis.Error,
	Unset:    "warning",
	Needs:    analysis.InputFiles | analysis.InputBaseline,
	Uses:     analysis.InputDockerfile | analysis.InputContext,
	Runtime:  true,
}

// usualGrowth is the allowance where none is set.
var usualGrowth = analysis.Allowance{Percent: 5, Set: true}

// grown compares the image with its baseline.
func grown(pass *analysis.Pass, config Growth) {
	severity := analysis.Severity("")
	if config == (Growth{}) {
		config.Total, severity = usualGrowth, analysis.Warning
	}
	c := comparison{pass: pass, now: packages.Fact.Of(pass), old: packages.Read(pass.Baseline)}
	for _, set := range []*packages.Set{c.now, c.old} {
		if set.Unread != "" {
			pass.Undecided(growth, nil, set.Unread)
		}
	}
	c.lines = requested(pass)
	changes := c.packages()
	steps := c.layers()
	total := func(key, what string, a analysis.Allowance, old, now int64) {
		if !a.Set || !a.Exceeded(old, now) {
			return
		}
		f := analysis.Finding{
			Rule: growth, Severity: severity, Key: key, Measured: now - old,
			Message: fmt.Sprintf("the image is %s %s, %s (%s) more than %s, of which %s is allowed",
				analysis.Bytes(now), what, analysis.Bytes(now-old), percent(old, now), pass.Baseline.Name, a),
		}
		if len(steps) > 0 && steps[0].bytes > 0 {
			f.Location = steps[0].at
		}
		var parts []string
		for _, list := range [][]change{changes, steps} {
			for _, x := range list[:min(3, len(list))] {
				if x.bytes > 0 {
					parts = append(parts, x.String())
					f.Related = append(f.Related, analysis.Related{Location: x.at, Message: x.bytes.Signed()})
				}
			}
			if len(parts) > 0 {
				break
			}
		}
		if len(parts) > 0 {
			f.Message += ": " + strings.Join(parts, "; ")
		}
		pass.Report(f)
	}
	size, old := pass.Image.Size(), pass.Baseline.Size()
	total("total", "unpacked", config.Total, old.Unpacked, size.Unpacked)
	if size.Download > 0 && old.Download > 0 {
		total("download", "to download", config.Download, old.Download, size.Download)
	} else if config.Download.Set {
		pass.Undecided(growth, nil, "a source holds no compressed layers: growth of the download is not known")
	}
	each := func(kind string, list []change, a analysis.Allowance) {
		for _, x := range list {
			if a.Set && x.bytes > 0 && a.Exceeded(x.old, x.old+int64(x.bytes)) {
				pass.Report(analysis.Finding{
					Rule: growth, Location: x.at, Key: kind + " " + x.key, Packages: x.packages, Measured: int64(x.bytes),
					Message: fmt.Sprintf("%s: %s, more than the %s by which a %s may grow", x.what, x.bytes.Signed(), a, kind),
				})
			}
		}
	}
	each("package", changes, config.Package)
	each("layer", steps, config.Layer)
}

func percent(old, now int64) string {
	if old == 0 {
		return "from nothing"
	}
	return fmt.Sprintf("%+.1f%%", float64(now-old)*100/float64(old))
}

// A comparison is of two images of the same.
type comparison struct {
	pass     *analysis.Pass
	now, old *packages.Set
	lines    map[string]analysis.Location // see requested
}

// A change is a package or a layer whose bytes are others than they were.
type change struct {
	key      string
	what     string // "torch 2.4 -> 2.6", "RUN make"
	packages []string
	old      int64
	bytes    analysis.Bytes // that it grew by
	at       analysis.Location
}

// String says the change, and where it stands.
func (c change) String() string {
	text := c.what + ": " + c.bytes.Signed()
	if c.at.Line > 0 {
		text += ", " + c.at.String()
	}
	return text
}

// byGrowth sorts changes, those that grew most first.
func byGrowth(list []change) []change {
	slices.SortStableFunc(list, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.key, b.key))
	})
	return list
}

// packages are those whose bytes changed, by kind and name: of several environments together.
func (c *comparison) packages() (changes []change) {
	type sum struct {
		versions []string
		bytes    int64
		last     *packages.Package
	}
	sums := func(set *packages.Set) map[string]*sum {
		out := map[string]*sum{}
		for _, p := range set.List {
			key := string(p.Type) + " " + python.NormalizeName(p.Name)
			if out[key] == nil {
				out[key] = new(sum)
			}
			s := out[key]
			s.bytes += p.Bytes()
			s.last = p
			if !slices.Contains(s.versions, p.Version) {
				s.versions = append(s.versions, p.Version)
			}
		}
		return out
	}
	before := sums(c.old)
	for key, now := range sums(c.now) {
		p, was := now.last, before[key]
		x := change{key: key, packages: []string{p.Name}, bytes: analysis.Bytes(now.bytes), what: fmt.Sprintf("%s %s is new", p.Name, p.Version)}
		if was != nil {
			x.old, x.bytes = was.bytes, analysis.Bytes(now.bytes-was.bytes)
			x.what = p.Name + " " + strings.Join(was.versions, ", ") + " -> " + strings.Join(now.versions, ", ")
			if slices.Equal(was.versions, now.versions) {
				x.what = p.Name + " " + strings.Join(now.versions, ", ")
			}
		}
		if x.bytes == 0 {
			continue
		}
		var through string
		if x.at, through = c.place(p); through != "" {
			x.what += " (through " + through + ")"
		}
		changes = append(changes, x)
	}
	return byGrowth(changes)
}

// maxThrough is how far a requirement is followed to who asks for it.
const maxThrough = 8

// place is the line that asks for a package, or for one that requires it, or else that of the
// layer that brought it. Through is the one that is asked for, if it is another.
func (c *comparison) place(p *packages.Package) (at analysis.Location, through string) {
	wanted, seen := p, map[*packages.Package]bool{}
	for range maxThrough {
		if at, ok := c.lines[lineKey(wanted.Type, wanted.Name)]; ok {
			if wanted != p {
				through = wanted.Name
			}
			return at, through
		}
		seen[wanted] = true
		next := (*packages.Package)(nil)
		for _, q := range c.now.List {
			if q.Type == packages.PyPI && p.Type == q.Type && !seen[q] && slices.ContainsFunc(q.Requires, func(name string) bool {
				return python.NormalizeName(name) == python.NormalizeName(wanted.Name)
			}) {
				next = q
				break
			}
		}
		if next == nil {
			break
		}
		wanted = next
	}
	if p.Layer == nil {
		return analysis.Location{}, ""
	}
	return p.Layer.Location(), ""
}

// layers are those above the base that changed, each beside the one that the same instruction
// made before.
func (c *comparison) layers() (changes []change) {
	old := map[string][]*analysis.Layer{}
	known := map[string]bool{}
	for _, l := range c.pass.Baseline.Layers {
		known[l.DiffID] = true
		key := madeBy(l)
		old[key] = append(old[key], l)
	}
	for _, l := range c.pass.Image.Layers {
		key := madeBy(l)
		was := int64(0)
		if list := old[key]; len(list) > 0 {
			was, old[key] = list[0].Size.Unpacked, list[1:]
		}
		if grew := l.Size.Unpacked - was; !l.Base && grew != 0 && !known[l.DiffID] {
			name := fmt.Sprintf("layer %d", l.Index)
			if len(l.Instructions) > 0 {
				name = analysis.Clip(l.Instructions[0].Text, 60)
			}
			changes = append(changes, change{
				key: fmt.Sprintf("%s %d", l.Key(), len(changes)), what: name, old: was, bytes: analysis.Bytes(grew), at: l.Location(),
			})
		}
	}
	return byGrowth(changes)
}

// madeBy tells layers of the same instruction: by the history, without the values of build arguments.
func madeBy(l *analysis.Layer) string {
	text := l.CreatedBy
	if rest, ok := strings.CutPrefix(text, "RUN |"); ok {
		if i := strings.Index(rest, "/bin/sh -c "); i >= 0 {
			text = "RUN " + rest[i:]
		}
	}
	return text
}
