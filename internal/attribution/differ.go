package attribution

import (
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/redact"
)

// Costs of laying a history onto a Dockerfile that it was not built from.
const (
	changed = -30 // the same kind of entry, with another body
	extra   = -40 // an entry of the image's that the Dockerfile does not write
	after   = -10 // one behind the last instruction: another target goes on from here
	lacking = -40 // an entry of the Dockerfile's that the image does not have
)

// told reports whether a history tells the steps of a build: each of its layers but the
// first, which many bases make in a way of their own, is one that a builder of Dockerfiles
// writes. A tool that squashes or flattens an image puts an entry of its own in their place.
func told(history []v1.History) bool {
	steps, first := 0, true
	for _, h := range history {
		switch {
		case ofBuilder(h):
			steps++
		case !h.EmptyLayer && !first && parse(h).verb != "WORKDIR": // BuildKit makes a layer for one
			return false
		}
		first = first && h.EmptyLayer
	}
	return steps > 0
}

// ofBuilder reports whether an entry is what a builder writes for a RUN, COPY or ADD: with the
// instruction's name, or, by the classic one and buildah, with the shell's.
func ofBuilder(h v1.History) bool {
	text := collapse(h.CreatedBy)
	if loc := classic.FindStringIndex(text); loc != nil {
		text = text[loc[1]:]
	}
	switch verb, _, _ := strings.Cut(text, " "); verb {
	case "RUN", "COPY", "ADD":
		return true
	}
	return strings.HasPrefix(text, "/bin/sh -c ") || strings.HasPrefix(text, "|")
}

// differ finds the first instruction of a Dockerfile that an image was not built from, which
// its history tells. It returns nil where the Dockerfile makes no layer.
func differ(chain []*analysis.Stage, expected []*entry, history []v1.History) *analysis.Difference {
	var want []*entry // instructions that make layers, and what they make
	for _, e := range expected {
		if e.layer {
			want = append(want, e)
		}
	}
	var got []created
	for _, h := range history {
		if ofBuilder(h) {
			got = append(got, parse(h))
		}
	}
	m, n := len(want), len(got)
	if m == 0 {
		return nil
	}
	best := make([][]int, m+1)
	for i := range best {
		best[i] = make([]int, n+1)
	}
	pair := func(i, j int) int {
		if s := want[i].match(got[j]); s > 0 {
			return s
		}
		if want[i].verb == got[j].verb {
			return changed
		}
		return changed * 3
	}
	lack := func(i int) int {
		if want[i].may {
			return skipped
		}
		return lacking
	}
	for i := m; i >= 0; i-- {
		for j := n; j >= 0; j-- {
			switch {
			case i == m && j == n:
			case i == m:
				best[i][j] = best[i][j+1] + after
			case j == n:
				best[i][j] = best[i+1][j] + lack(i)
			default:
				best[i][j] = max(best[i+1][j+1]+pair(i, j), best[i+1][j]+lack(i), best[i][j+1]+extra)
			}
		}
	}
	start := n // what stands before it is the base
	for j := n; j >= 0; j-- {
		if best[0][j] > best[0][start] {
			start = j
		}
	}
	var first *analysis.Difference
	matched := 0
	note := func(e *entry, format string, args ...any) {
		if first == nil {
			first = &analysis.Difference{Location: e.inst.Location(), What: fmt.Sprintf(format, args...)}
		}
	}
	last := chain[len(chain)-1]
	for i, j := 0, start; i < m || j < n; {
		switch {
		case i < m && j < n && best[i][j] == best[i+1][j+1]+pair(i, j):
			if want[i].match(got[j]) > 0 {
				matched++
			} else {
				note(want[i], "the image has %q in its place", short(got[j]))
			}
			i, j = i+1, j+1
		case i < m && best[i][j] == best[i+1][j]+lack(i):
			if !want[i].may {
				note(want[i], "the image has nothing of it")
			}
			i++
		default:
			if i < m {
				note(want[i], "the image has %q before it", short(got[j]))
			} else if first == nil {
				what := fmt.Sprintf("the image has %q after its last instruction", short(got[j]))
				first = &analysis.Difference{Location: last.Location(), What: what}
			}
			j++
		}
	}
	if matched == 0 {
		return &analysis.Difference{
			Location: want[0].inst.Location(),
			What:     fmt.Sprintf("the image ends with %q", short(got[n-1])),
			None:     true,
		}
	}
	return first
}

// short is an entry as a message shows it, without what must not be shown.
func short(c created) string {
	return analysis.Clip(redact.History(c.verb+" "+c.body), 80)
}

var rePython = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)(?:-|$)`)

// based finds out that an image stands on another base than the Dockerfile
// names: by the version that official images of Python write into their
// environment, and other official images do not.
func based(chain []*analysis.Stage, im *analysis.Image) *analysis.Difference {
	root := chain[0]
	if bases.Scratch(root.Root) && im.Base.Layers > 0 {
		return &analysis.Difference{
			Location: root.Location(),
			What:     fmt.Sprintf("the image has %d layers below its first instruction", im.Base.Layers),
		}
	}
	version := "" // "" is none
	switch b := bases.Lookup(root.Root); {
	case !b.Official:
		return nil
	case b.Family == "python":
		m := rePython.FindStringSubmatch(b.Tag)
		if m == nil {
			return nil
		}
		version = m[1]
	case b.Family != "debian" && b.Family != "ubuntu" && b.Family != "alpine" && b.Family != "buildpack-deps":
		return nil
	}
	if chain[len(chain)-1].After.Vars.Find("PYTHON_VERSION") != nil {
		return nil // the Dockerfile sets it itself
	}
	for _, env := range im.Config.Config.Env {
		got, ok := strings.CutPrefix(env, "PYTHON_VERSION=")
		if ok && got != version && (version == "" || !strings.HasPrefix(got, version+".")) {
			return &analysis.Difference{Location: root.Location(), What: fmt.Sprintf("the image stands on Python %s", got)}
		}
	}
	return nil
}
