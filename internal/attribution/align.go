// Package attribution says which instruction of a Dockerfile made which layer of an
// image, and where the base image ends.
package attribution

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
)

// maxCells bounds the table of an alignment: instructions, and the names that
// they set, times entries.
const maxCells = 1 << 22

// Align sets the instructions of im's layers, and im's base, from its history:
// the entries that a builder writes for the judged stage's chain are aligned
// from the end with those that the image has. What is left over is the base.
// Where they do not match, the layers stay where they are, and im.Aligned says
// why. Provenance, if there is any, is checked against what was found.
func Align(d *analysis.Dockerfile, im *analysis.Image, p *Provenance) {
	history := im.Config.History
	made := 0
	for _, h := range history {
		if !h.EmptyLayer {
			made++
		}
	}
	if made != len(im.Layers) {
		im.Aligned = fmt.Sprintf("the image's history tells of %d layers, it has %d", made, len(im.Layers))
		return
	}
	chain := d.Chain()
	expected := expect(chain)
	steps := 1
	for _, e := range expected {
		steps += 1 + len(e.keys)
	}
	if steps*(len(history)+1) > maxCells {
		im.Aligned = fmt.Sprintf("%d instructions and %d entries of history are too many to align", len(expected), len(history))
		return
	}
	places, first := align(expected, history)
	switch {
	case places == nil && !told(history):
		im.Aligned = "the image's history does not tell its steps: it was squashed or flattened, or its builder records none"
		return
	case places == nil:
		im.Aligned = "the image's history does not end with what the Dockerfile's instructions write"
		im.Differs = cmp.Or(differ(chain, expected, history), moved(expected, history))
		return
	}
	if !place(im, chain[0], places, first) {
		return
	}
	root := chain[0]
	im.Base.Ref, im.Base.How = root.Root, "alignment"
	im.Differs = based(chain, im)
	if im.Differs == nil && told(history) {
		im.Differs = cmp.Or(configured(chain, im), recorded(chain, expected, history, places, first))
	}
	if im.Differs == nil && p != nil {
		p.check(d, im)
	}
}

// place gives the layers their instructions. Entries that a builder recorded
// without a layer of their own, though they write files, are in the next layer
// that it made, if that is of a builder that folds: buildah without --layers,
// whose layers name in their comment what they stand FROM, and docker build
// --squash, whose layer has no instruction. The classic builder records so what
// changed no file. place reports whether the base is layers of its own.
func place(im *analysis.Image, root *analysis.Stage, places []*entry, first int) bool {
	layer, folded := 0, false // folded: what the base wrote is in a layer above it
	var pending []*analysis.Instruction
	for i, h := range im.Config.History {
		e := places[i]
		writes := e != nil && e.layer
		switch c := parse(h); {
		case i < first && h.EmptyLayer:
			folded = folded || c.verb == "RUN" && h.CreatedBy != "" || c.verb == "COPY" || c.verb == "ADD"
			continue
		case h.EmptyLayer:
			if writes && h.Comment == "" {
				pending = append(pending, e.inst)
			}
			continue
		}
		l := im.Layers[layer]
		layer++
		switch {
		case i < first:
			l.Base, l.From, folded = true, root, false
			im.Base.Layers = layer
			continue
		case folded:
			im.Base = analysis.Base{}
			im.Aligned = "the builder folded the base image and the instructions into one layer"
			return false
		case writes && !strings.HasPrefix(h.Comment, "FROM "):
			pending = []*analysis.Instruction{e.inst} // those before it wrote nothing
		case e != nil && (writes || len(pending) == 0):
			pending = append(pending, e.inst)
		}
		l.Instructions, pending = pending, nil
	}
	return true
}

// Weights of an alignment: instructions that make layers count, others help to
// choose among several.
const (
	strong  = 100
	weak    = 10
	skipped = -1
	never   = -1 << 30
)

// align finds the best way to lay expected onto the end of history. It returns
// for each entry of history the expected one, and the first entry that is not
// the base's; nil if an entry that makes a layer has no counterpart.
func align(expected []*entry, history []v1.History) (places []*entry, first int) {
	m, n := len(expected), len(history)
	actual := make([]created, n)
	for j, h := range history {
		actual[j] = parse(h)
	}
	// best[i][j] is the score of expected[i:] on history[j:].
	best := make([][]int32, m+1)
	for i := range best {
		best[i] = make([]int32, n+1)
	}
	for i := m; i >= 0; i-- {
		for j := n; j >= 0; j-- {
			if i == m && j == n {
				continue
			}
			score := int32(never)
			if i < m && j < n {
				if s := expected[i].match(actual[j]); s > 0 && best[i+1][j+1] > never {
					score = max(score, best[i+1][j+1]+int32(s))
				}
			}
			if i < m && expected[i].may && best[i+1][j] > never {
				score = max(score, best[i+1][j]+skipped)
			}
			if j < n && (history[j].EmptyLayer || history[j].CreatedBy == "") && best[i][j+1] > never {
				score = max(score, best[i][j+1]+skipped)
			}
			best[i][j] = score
		}
	}
	first = n
	for j := n; j >= 0; j-- {
		if best[0][j] > best[0][first] {
			first = j
		}
	}
	if best[0][first] <= never {
		return nil, 0
	}
	places = make([]*entry, n)
	for i, j := 0, first; i < m || j < n; {
		switch {
		case i < m && j < n && expected[i].match(actual[j]) > 0 && best[i+1][j+1] > never &&
			best[i][j] == best[i+1][j+1]+int32(expected[i].match(actual[j])):
			places[j] = expected[i]
			i, j = i+1, j+1
		case i < m && expected[i].may && best[i][j] == best[i+1][j]+skipped:
			i++
		default:
			j++
		}
	}
	return places, first
}
