package inputs

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A transfer is a COPY or an ADD.
type transfer struct {
	instructions.SourcesAndDest
	from    string
	parents bool
	exclude []string
}

func copyOf(c *instructions.CopyCommand) transfer {
	return transfer{SourcesAndDest: c.SourcesAndDest, from: c.From, parents: c.Parents, exclude: c.ExcludePatterns}
}

// copied reports whether the COPY or ADD puts a file at name, and from where. If
// it would, had the build context the file, the Source has only that reason.
func (t *Tree) copied(c transfer, inst *analysis.Instruction, name string, depth int) (Source, bool) {
	expand := t.expand(inst)
	dest, known := expand(c.DestPath)
	if !known {
		return Source{}, false
	}
	dir := strings.HasSuffix(dest, "/") || dest == "." || strings.HasSuffix(dest, "/.") ||
		len(c.SourcePaths)+len(c.SourceContents) > 1
	if !path.IsAbs(dest) {
		if !inst.State.WorkdirKnown {
			return t.somewhere(c, inst, name), false
		}
		dest = path.Join(inst.State.Workdir, dest)
	}
	dest = rooted(inst.Stage, path.Clean(dest))
	if !path.IsAbs(dest) && path.IsAbs(name) {
		return t.somewhere(c, inst, name), false
	}
	rest, below := under(name, dest)
	if !below {
		return Source{}, false
	}
	for _, doc := range c.SourceContents {
		if rest == "" && !dir || rest == doc.Path {
			return Source{By: inst, Reason: fmt.Sprintf("line %d writes it in place", inst.Line)}, true
		}
	}
	var stage *analysis.Stage
	for _, e := range inst.Stage.Uses {
		if e.Instruction == inst {
			stage = e.Stage
		}
	}
	lacking := Source{}
	for _, src := range c.SourcePaths {
		written := src
		src, known := expand(src)
		if !known || strings.Contains(src, "://") {
			if rest == "" || rest == path.Base(src) {
				reason := fmt.Sprintf("line %d brings it from %q", inst.Line, src)
				if !known {
					reason = fmt.Sprintf("line %d copies %q, whose variable has no value: --build-arg gives it one", inst.Line, written)
				}
				return Source{By: inst, Reason: reason}, true
			}
			continue
		}
		if c.from != "" {
			if s, ok := t.fromStage(stage, c, inst, src, rest, dir, depth); ok {
				return s, true
			}
			continue
		}
		if base := path.Base(path.Clean("/" + src)); base == path.Base(name) && (rest == "" || rest == base) ||
			base == "/" && rest != "" {
			want := path.Join(src, rest)
			if base != "/" {
				want = src
			}
			lacking.Reason = fmt.Sprintf(
				"line %d copies %q, which the build context %q does not hold, or .dockerignore leaves out",
				inst.Line,
				strings.TrimPrefix(want, "/"),
				t.dir,
			)
		}
		for _, candidate := range t.candidates(c, src, rest, dir) {
			if !t.spend(ofFile) {
				return Source{By: inst, Reason: errWork}, true
			}
			if t.excluded(c, candidate) {
				continue
			}
			if s := t.context(candidate, inst); s.Path != "" {
				return s, true
			}
		}
	}
	return lacking, false
}

// somewhere is the reason of a file that a COPY may bring to where name is: into a
// working directory that only the base knows.
func (t *Tree) somewhere(c transfer, inst *analysis.Instruction, name string) Source {
	for _, src := range c.SourcePaths {
		if base := path.Base(path.Clean("/" + src)); base == path.Base(name) || base == "/" {
			return Source{
				Reason: fmt.Sprintf("line %d copies %q into a working directory that only the base image knows", inst.Line, src),
			}
		}
	}
	return Source{}
}

// candidates are the paths of the build context that a source may put at rest,
// which is below the destination. Dir says that the destination is one.
func (t *Tree) candidates(c transfer, src, rest string, dir bool) (out []string) {
	src = strings.TrimPrefix(path.Clean("/"+src), "/")
	if src == "" {
		src = "."
	}
	matches := []string{src}
	if strings.ContainsAny(src, "*?[") {
		matches = t.glob(src)
	}
	for _, m := range matches {
		info, err := fs.Stat(t.files, m)
		switch {
		case err != nil:
		case c.parents:
			if m == rest || info.IsDir() && strings.HasPrefix(rest, m+"/") {
				out = append(out, rest)
			}
		case info.IsDir(): // what it holds, not itself
			if rest != "" {
				out = append(out, path.Join(m, rest))
			}
		case rest == path.Base(m), rest == "" && !dir:
			out = append(out, m)
		}
	}
	return out
}

// glob lists the files of the build context that match a pattern.
func (t *Tree) glob(pattern string) []string {
	matches, ok := t.globs[pattern]
	if !ok {
		matches, _ = fs.Glob(t.files, pattern)
		t.globs[pattern] = matches
		t.spend(ofFile * len(matches))
	}
	return matches
}

// fromStage follows a COPY --from.
func (t *Tree) fromStage(
	stage *analysis.Stage,
	c transfer,
	inst *analysis.Instruction,
	src, rest string,
	dir bool,
	depth int,
) (Source, bool) {
	src = path.Clean("/" + src)
	if stage == nil {
		if rest == "" || rest == path.Base(src) {
			return Source{By: inst, Reason: fmt.Sprintf("line %d brings it from image %q", inst.Line, c.from)}, true
		}
		return Source{}, false
	}
	var tries []string
	if rest == path.Base(src) || rest == "" && !dir {
		tries = append(tries, src)
	}
	if rest != "" {
		tries = append(tries, path.Join(src, rest))
	}
	if strings.ContainsAny(src, "*?[") && rest != "" {
		tries = []string{path.Join(path.Dir(src), rest)}
	}
	var made Source
	for _, p := range tries {
		s := t.find(stage, nil, p, depth+1)
		if s.Path != "" {
			return s, true
		}
		if s.By != nil {
			made = s
		}
	}
	return made, made.By != nil
}

// excluded reports whether --exclude leaves the file out.
func (t *Tree) excluded(c transfer, name string) bool {
	if len(c.exclude) == 0 {
		return false
	}
	ok, err := patternmatcher.MatchesOrParentMatches(name, c.exclude)
	return ok && err == nil
}
