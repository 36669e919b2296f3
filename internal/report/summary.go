package report

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// summary says what the target weighs, and what is in force for it.
func summary(b *strings.Builder, p painter, t *Target) {
	if im := t.Image; im != nil {
		var parts []string
		if im.UnpackedBytes != nil {
			parts = append(parts, analysis.Bytes(*im.UnpackedBytes).String()+" unpacked")
		}
		if im.CompressedBytes != nil {
			parts = append(parts, analysis.Bytes(*im.CompressedBytes).String()+" to download")
		}
		fmt.Fprintf(b, "%s %s\n", p.paint("1", redact.Printable(im.Name+" ("+im.Platform+"):")), strings.Join(parts, ", "))
		switch {
		case im.Unaligned != "":
			fmt.Fprintf(b, "  findings stand on layers: %s\n", redact.Printable(im.Unaligned))
		case im.Base.Layers > 0:
			var base, added int64
			for _, l := range im.Layers {
				n := int64(0)
				if l.UnpackedBytes != nil {
					n = *l.UnpackedBytes
				} else if l.CompressedBytes != nil {
					n = *l.CompressedBytes
				}
				if l.Base {
					base += n
				} else {
					added += n
				}
			}
			name := im.Base.Ref
			if name == "" {
				name = "the base"
			}
			fmt.Fprintf(b, "  base %s: %s in %d %s; added: %s in %d\n", redact.Printable(name), analysis.Bytes(base),
				im.Base.Layers, plural("layer", im.Base.Layers), analysis.Bytes(added), len(im.Layers)-im.Base.Layers)
		}
	}
	bars(b, p, t)
}

// isFile reports whether the target is a file of the configuration, of which no more is said
// than what is wrong with it.
func (t *Target) isFile() bool {
	return t.Dockerfile == nil && t.Image == nil && t.Context == "" && len(t.NotRun) == 0 && len(t.Errors) == 0
}

// runBy names the containers that a target is judged with; "" where there is none, or where the target is one.
func (t *Target) runBy() string {
	var names []string
	for _, c := range t.Containers {
		if strings.Contains(t.Name, t.Containers[0].Name) { // it is called so
			return ""
		}
		names = append(names, fmt.Sprintf("%s (%s:%d)", c.Name, c.Location.Path, c.Location.Line))
	}
	if len(names) == 0 {
		return ""
	}
	return "judged as what these run: " + analysis.And(names, 3)
}

// inForce says with which containers a target is judged, the build contexts that are not the Dockerfile's own directory, and what
// configurations set: each once, with the targets that it is for.
func inForce(b *strings.Builder, p painter, d *Document) {
	var lines []string
	of := map[string][]string{} // targets, by line
	add := func(line string, t *Target) {
		if of[line] == nil {
			lines = append(lines, line)
		}
		of[line] = append(of[line], t.Name)
	}
	files := 0
	for i := range d.Targets {
		t := &d.Targets[i]
		if t.isFile() {
			files++
		}
		if d := t.Dockerfile; d != nil && t.Context != "" && t.Context != path.Dir(d.Path) {
			add("build context: "+t.Context, t)
		}
		if line := t.runBy(); line != "" {
			add(line, t)
		}
		for _, line := range t.Configuration.lines() {
			add(line, t)
		}
	}
	for _, line := range lines {
		if names := of[line]; len(names) < len(d.Targets)-files {
			line = analysis.And(names, 3) + ": " + line
		}
		fmt.Fprintf(b, "%s\n", p.paint("2", redact.Printable(line)))
	}
}

// undone says what was not decided, and what was not run, once for all targets. Of a target
// that could not be judged that is said, and no more.
func undone(b *strings.Builder, p painter, d *Document) {
	var undecided, reasons []string
	said := map[string]bool{}
	type missing struct {
		rules   []string
		targets map[int]bool
	}
	byReason := map[string]*missing{}
	judged := 0
	for i := range d.Targets {
		t := &d.Targets[i]
		if len(t.Errors) == 0 && !t.isFile() {
			judged++
		}
		for _, n := range t.NotRun {
			if at := n.Location.String(); at != "image" {
				if u := fmt.Sprintf("%s: %s: %s", at, n.Rule, n.Reason); !said[u] {
					said[u] = true
					undecided = append(undecided, u)
				}
				continue
			}
			if len(t.Errors) > 0 {
				continue
			}
			m := byReason[n.Reason]
			if m == nil {
				m = &missing{targets: map[int]bool{}}
				byReason[n.Reason] = m
				reasons = append(reasons, n.Reason)
			}
			if m.targets[i] = true; !slices.Contains(m.rules, n.Rule) {
				m.rules = append(m.rules, n.Rule)
			}
		}
	}
	for _, u := range undecided {
		fmt.Fprintf(b, "%s %s\n", p.paint("2", "not decided:"), redact.Printable(u))
	}
	for _, r := range reasons {
		m := byReason[r]
		of := ""
		if n := len(m.targets); n < judged {
			of = fmt.Sprintf(", of %d of %d targets", n, judged)
		}
		fmt.Fprintf(b, "%s %s (%s%s)\n", p.paint("2", "not run:"), strings.Join(short(m.rules, d.Rules), ", "), redact.Printable(r), of)
	}
	if base := d.Baseline; base != nil {
		fmt.Fprintf(b, "%s %s\n", p.paint("2", "known:"), redact.Printable(fmt.Sprintf("%d %s of %s, not counted; %d gone",
			base.Known, plural("finding", base.Known), base.Path, base.Gone)))
	}
}

// ignored says what comments ignore, one line for each comment and rule: the file
// may be of who proposes the change that is judged.
func ignored(b *strings.Builder, p painter, t *Target) {
	for i := 0; i < len(t.Ignored); {
		first, n := &t.Ignored[i], 0
		for ; i < len(t.Ignored) && t.Ignored[i].Rule == first.Rule && t.Ignored[i].By == first.By; i++ {
			n++
		}
		until := ""
		if first.Until != "" {
			until = ", until " + first.Until
		}
		fmt.Fprintf(b, "%s %s\n", p.paint("2", "ignored:"), redact.Printable(fmt.Sprintf("%s by line %d, %d %s of %s%s: %s",
			first.By.Path, first.By.Line, n, plural("finding", n), first.Rule, until, first.Reason)))
	}
}

// A bar is one line of where the bytes went.
type bar struct {
	name  string
	bytes int64
}

// bars shows where the bytes of an image went: its base and what was added,
// what need not be there, and its heaviest packages.
func bars(b *strings.Builder, p painter, t *Target) {
	im := t.Image
	if im == nil || im.UnpackedBytes == nil || *im.UnpackedBytes == 0 {
		return
	}
	var parts, saved, heavy []bar
	if im.Base.Layers > 0 {
		parts = []bar{{"base", 0}, {"added", 0}}
		for _, l := range im.Layers {
			i := 1
			if l.Base {
				i = 0
			}
			parts[i].bytes += *l.UnpackedBytes
		}
	}
	sums := map[string]int64{}
	all := slices.Concat(t.Findings, t.Known) // what is known is there all the same
	swap := slices.ContainsFunc(all, func(f Finding) bool { return f.Swap && f.Bytes.Unpacked > 0 })
	for _, f := range all {
		if f.Bytes != nil && !(f.OfBase && swap) {
			sums[f.Rule] += f.Bytes.Unpacked
		}
	}
	for rule, n := range sums {
		if n > 0 {
			saved = append(saved, bar{rule, n})
		}
	}
	for _, x := range im.Packages {
		heavy = append(heavy, bar{x.Name, x.Bytes})
	}
	for _, list := range [][]bar{saved, heavy} {
		slices.SortFunc(list,
			func(x, y bar) int { return cmp.Or(cmp.Compare(y.bytes, x.bytes), strings.Compare(x.name, y.name)) })
	}
	heavy = heavy[:min(5, len(heavy))]
	for _, section := range []struct {
		title string
		list  []bar
		color string
	}{{"", parts, "34"}, {"need not be there", saved, "33"}, {"heaviest packages", heavy, "36"}} {
		if len(section.list) == 0 || section.list[0].bytes == 0 {
			continue
		}
		if title := section.title; title != "" {
			if s := Savings(all); title == "need not be there" && s != nil {
				title += fmt.Sprintf(": %s of %s", analysis.Bytes(s.Unpacked), analysis.Bytes(*im.UnpackedBytes))
				if s.Download > 0 && im.CompressedBytes != nil {
					title += fmt.Sprintf(" unpacked, about %s of %s to download", analysis.Bytes(s.Download).About(), analysis.Bytes(*im.CompressedBytes))
				}
			}
			fmt.Fprintf(b, "  %s\n", p.paint("2", title))
		}
		for _, x := range section.list {
			const width = 40
			n := int(x.bytes * width / *im.UnpackedBytes)
			fill := strings.Repeat("█", min(n, width))
			if n == 0 {
				fill = "▏"
			}
			fmt.Fprintf(b, "  %-24s %8s %s\n", analysis.Clip(redact.Printable(x.name), 24), analysis.Bytes(x.bytes),
				p.paint(section.color, fill))
		}
	}
}

// short writes all rules of one check as one, "multistage-*", and some of them
// without its name: "sizebudget-app, -layer".
func short(names []string, rules []Rule) (out []string) {
	check := func(r string) string { return r[:strings.IndexByte(r+"-", '-')] }
	all, here := map[string]int{}, map[string]int{}
	for _, r := range rules {
		all[check(r.ID)]++
	}
	for _, r := range names {
		here[check(r)]++
	}
	last := ""
	for _, r := range names {
		c := check(r)
		switch {
		case here[c] > 1 && here[c] == all[c]:
			r = c + "-*"
		case c == last:
			r = strings.TrimPrefix(r, c)
		}
		if last = c; !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// total counts the findings of all targets.
func total(b *strings.Builder, p painter, d *Document, opt Options) {
	counts := map[analysis.Severity]int{}
	broken, open := 0, map[NotRun]bool{}
	for _, t := range d.Targets {
		for _, f := range t.Findings {
			counts[f.Severity]++
		}
		broken += len(t.Errors)
		for _, n := range t.NotRun {
			if n.Location != (Location{}) {
				open[n] = true
			}
		}
	}
	var parts []string
	for _, s := range []analysis.Severity{analysis.Error, analysis.Warning, analysis.Note} {
		if n := counts[s]; n > 0 {
			text := fmt.Sprintf("%d %s", n, plural(string(s), n))
			if s == analysis.Note && !opt.Notes {
				text += " (--notes shows " + map[bool]string{true: "it", false: "them"}[n == 1] + ")"
			}
			parts = append(parts, p.paint(severityColors[s], text))
		}
	}
	switch {
	case len(parts) > 0:
		fmt.Fprintln(b, strings.Join(parts, ", "))
	case broken == 0 && len(open) > 0: // what is not decided is not clean
		fmt.Fprintf(b, "no findings, and %d not decided (--strict fails on that)\n", len(open))
	case broken == 0:
		fmt.Fprintln(b, p.paint("1;32", "no findings"))
	}
}
