package inputs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	tareshell "github.com/tareweight/tare/analyzers/facts/shell"
)

// Made says what made the files that a layer's COPY --from brings from another
// stage of the Dockerfile: the one RUN there that names them, or else the stage.
// It returns nil for any other layer.
func (t *Tree) Made(l *analysis.Layer) []analysis.Related {
	for _, inst := range l.Instructions {
		c, ok := inst.Command.(*instructions.CopyCommand)
		if !ok || c.From == "" {
			continue
		}
		for _, e := range inst.Stage.Uses {
			if e.Instruction != inst || e.Stage == nil {
				continue
			}
			if run := t.maker(e.Stage, c.SourcePaths, inst); run != nil {
				return []analysis.Related{{Location: run.Location(), Message: "made here"}}
			}
			return []analysis.Related{{Location: e.Stage.Location(), Message: fmt.Sprintf("made in stage %q", e.Stage.String())}}
		}
	}
	return nil
}

// maker is the only RUN of a stage's chain that names one of the paths, or a
// file or directory of them; nil if there are none, or several.
func (t *Tree) maker(stage *analysis.Stage, paths []string, copied *analysis.Instruction) *analysis.Instruction {
	expand := t.expand(copied)
	var made []*analysis.Instruction
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range stage.Chain() {
		for _, inst := range s.Instructions {
			for _, c := range t.commands.Of(inst) {
				words := slices.Concat(c.Words, c.Writes)
				for _, name := range []string{"PATH", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"} { // the environment that pip fills
					v, _ := c.Lookup(name)
					for dir := range strings.SplitSeq(v, ":") {
						words = append(words, tareshell.Word{Text: dir, Known: true})
					}
				}
				for _, w := range words {
					_, value, _ := strings.Cut(w.Text, "=") // --prefix=/opt
					for _, p := range paths {
						from, known := expand(p)
						if known && !slices.Contains(made, inst) && (names(w.Text, c.Dir, from) || names(value, c.Dir, from)) {
							made = append(made, inst)
						}
					}
				}
			}
		}
	}
	if len(made) != 1 {
		return nil
	}
	return made[0]
}

// names reports whether a word is the path from, or one below it.
func names(word, dir, from string) bool {
	if word == "" || !strings.Contains(word, "/") && dir == "" {
		return false
	}
	if !path.IsAbs(word) {
		word = path.Join("/", dir, word)
	}
	_, below := under(path.Clean(word), path.Clean("/"+from))
	return below && path.Clean("/"+from) != "/"
}
