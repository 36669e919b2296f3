// Package inputs says where a file comes from that a command of a RUN reads:
// from the build context, through COPY, ADD and mounts of any number of
// stages, or from a command.
package inputs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	tareshell "github.com/tareweight/tare/analyzers/facts/shell"
)

// Fact resolves files for the Dockerfile and the build context.
var Fact = &analysis.Fact[*Tree]{
	Name:  "inputs",
	Needs: analysis.Needs{Facts: []analysis.AnyFact{tareshell.Fact}},
	Compute: func(p *analysis.Pass) (*Tree, error) {
		return &Tree{
			files: p.Files, dir: cmp.Or(p.FilesDir, "."), commands: tareshell.Fact.Of(p), left: maxWork,
			known: map[question]Source{}, words: map[word]expansion{}, globs: map[string][]string{},
		}, nil
	},
}

// A Tree is what the stages of a Dockerfile hold, as far as its text tells.
// It may be asked by several checks at once.
type Tree struct {
	files    fs.FS  // the build context; nil if there is none
	dir      string // as the report names it
	commands *tareshell.Commands

	mu    sync.Mutex
	left  int // of maxWork
	known map[question]Source
	words map[word]expansion
	globs map[string][]string
}

// A question is which file is at name in a stage, before an instruction; at its
// end where that is nil.
type question struct {
	stage  *analysis.Stage
	before *analysis.Instruction
	name   string
}

// A word is one operand of an instruction, an expansion its value.
type (
	word struct {
		inst *analysis.Instruction
		text string
	}
	expansion struct {
		value string
		known bool
	}
)

// maxStages is how many COPY --from are followed.
const maxStages = 50

// maxWork is how many commands of RUNs are looked at to find the files of one
// Dockerfile, all together; a COPY counts as ten, a file of the build context as
// fifty. Thousands of installs may each be looked for through thousands of copies.
// Real files come to some thousand; this many take two seconds.
const maxWork = 10_000_000

const (
	ofCommand = 1
	ofCopy    = 10
	ofFile    = 50
)

// errWork is why a file is not found once that many were looked at.
var errWork = fmt.Sprintf(
	"the Dockerfile takes more work than the limit of %d commands that are looked at to find files",
	maxWork,
)

// spend counts what is looked at; it is false when that is too much.
func (t *Tree) spend(work int) bool {
	t.left -= work
	return t.left >= 0
}

// expand is the value of a word of an instruction.
func (t *Tree) expand(inst *analysis.Instruction) func(string) (string, bool) {
	return func(text string) (string, bool) {
		x, ok := t.words[word{inst, text}]
		if !ok {
			x.value, x.known = inst.Expander()(text)
			t.words[word{inst, text}] = x
		}
		return x.value, x.known
	}
}

// A Source is where a file comes from.
type Source struct {
	Path   string                // in the build context; "" if it is not from there
	By     *analysis.Instruction // that brought it, or made it; nil if unknown
	Reason string                // why Path is ""
	Writer *tareshell.Command    // that makes it; nil if it is brought, or unknown
}

// Resolve finds the file that command reads as name.
func (t *Tree) Resolve(c *tareshell.Command, name string) Source {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		return Source{Reason: "there is no build context"}
	}
	if strings.Contains(name, "://") {
		return Source{Reason: "it is a URL: none is opened that a file names"}
	}
	if !path.IsAbs(name) {
		if !c.DirKnown {
			return Source{Reason: fmt.Sprintf("the working directory of line %d is not known", c.Line)}
		}
		name = path.Join(c.Dir, name)
	}
	name = rooted(c.Stage, path.Clean(name))
	if s, ok := t.mounted(c, name); ok {
		return s
	}
	if s, ok := t.written(t.before(c), name); ok {
		return s
	}
	s := t.find(c.Stage, c.Instruction, name, 0)
	if line := clones(t.before(c)); s.Path == "" && s.By == nil && line > 0 {
		s.Reason = fmt.Sprintf("it may come of git clone on line %d", line)
	}
	return s
}

// Locate returns a function that finds what a requirements file includes: the file of the build
// context that the command finds at target, which the file from names. Name is what the command
// calls file, a path in the build context.
func (t *Tree) Locate(c *tareshell.Command, name, file string) func(from, target string) string {
	lies := map[string]string{file: name} // by path in the build context
	return func(from, target string) string {
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(lies[from]), target)
		}
		src := t.Resolve(c, target)
		if src.Path != "" {
			lies[src.Path] = target
		}
		return src.Path
	}
}

// clones is the line of a git clone among commands; 0 if there is none.
func clones(commands []*tareshell.Command) int {
	for _, c := range commands {
		if c.Name() == "git" && slices.ContainsFunc(c.Words[1:], func(w tareshell.Word) bool { return w.Text == "clone" }) {
			return c.Line
		}
	}
	return 0
}

// before returns the commands of c's RUN that run before it.
func (t *Tree) before(c *tareshell.Command) []*tareshell.Command {
	all := t.commands.Of(c.Instruction)
	if i := slices.Index(all, c); i >= 0 {
		return all[:i]
	}
	return all
}

// mounted looks for name on the bind mounts of c's RUN.
func (t *Tree) mounted(c *tareshell.Command, name string) (Source, bool) {
	run, ok := c.Instruction.Command.(*instructions.RunCommand)
	if !ok {
		return Source{}, false
	}
	expand := t.expand(c.Instruction)
	for _, m := range instructions.GetMounts(run) {
		target, known := expand(m.Target)
		if m.Type == instructions.MountTypeBind && !known {
			return Source{Reason: fmt.Sprintf("the mount of line %d has a target that is not known", c.Instruction.Line)}, true
		}
		if !path.IsAbs(target) {
			target = rooted(c.Stage, path.Join(c.Instruction.State.Workdir, target))
		}
		rest, below := under(name, path.Clean(target))
		if !below {
			continue
		}
		switch m.Type {
		case instructions.MountTypeBind:
			source, _ := expand(m.Source)
			from := path.Join("/", source, rest)
			if m.From == "" {
				return t.context(strings.TrimPrefix(from, "/"), c.Instruction), true
			}
			for _, e := range c.Stage.Uses {
				if e.Instruction == c.Instruction && e.Stage != nil && strings.EqualFold(e.Stage.Name, m.From) {
					return t.find(e.Stage, nil, from, 1), true
				}
			}
			return Source{By: c.Instruction, Reason: fmt.Sprintf("it is on a mount of image %q", m.From)}, true
		default:
			return Source{By: c.Instruction, Reason: fmt.Sprintf("it is on a %s mount", m.Type)}, true
		}
	}
	return Source{}, false
}

// context returns the file of the build context, if it is there.
func (t *Tree) context(name string, by *analysis.Instruction) Source {
	if name == "" {
		name = "."
	}
	if !fs.ValidPath(name) {
		return Source{By: by, Reason: fmt.Sprintf("%q is outside the build context", name)}
	}
	info, err := fs.Stat(t.files, name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return Source{By: by, Reason: fmt.Sprintf("%q of the build context cannot be read: %v", name, err)}
	case err != nil:
		return Source{By: by, Reason: fmt.Sprintf("%q is not in the build context %q", name, t.dir)}
	case info.IsDir():
		return Source{By: by, Reason: fmt.Sprintf("%q is a directory", name)}
	}
	return Source{Path: name, By: by}
}

// find looks for name in stage, before the instruction, from the latest to the
// first, and then in the stages below.
func (t *Tree) find(stage *analysis.Stage, before *analysis.Instruction, name string, depth int) Source {
	if depth > maxStages {
		return Source{Reason: "stages copy from one another without an end"}
	}
	q := question{stage, before, name}
	s, ok := t.known[q]
	if !ok {
		s = t.search(stage, before, name, depth)
		t.known[q] = s
	}
	return s
}

func (t *Tree) search(stage *analysis.Stage, before *analysis.Instruction, name string, depth int) Source {
	lacking := fmt.Sprintf("no instruction brings %q", name)
	named := false
	for s := stage; s != nil; s, before = s.Parent, nil {
		list := s.Instructions
		if before != nil {
			list = list[:slices.Index(list, before)]
		}
		for _, inst := range slices.Backward(list) {
			if !t.spend(ofCopy) {
				return Source{Reason: errWork}
			}
			switch c := inst.Command.(type) {
			case *instructions.RunCommand:
				if src, ok := t.written(t.commands.Of(inst), name); ok {
					return src
				}
				if line := clones(t.commands.Of(inst)); line > 0 && !named {
					lacking, named = fmt.Sprintf("it may come of git clone on line %d", line), true
				}
				if why := t.commands.Unread(inst); why != "" {
					return Source{By: inst, Reason: fmt.Sprintf("line %d may write it: %s", inst.Line, why)}
				}
			case *instructions.CopyCommand:
				src, ok := t.copied(copyOf(c), inst, name, depth)
				if ok {
					return src
				}
				if src.Reason != "" && !named {
					lacking, named = src.Reason, true
				}
			case *instructions.AddCommand:
				src, ok := t.copied(transfer{SourcesAndDest: c.SourcesAndDest, exclude: c.ExcludePatterns}, inst, name, depth)
				if ok {
					return src
				}
				if src.Reason == "" && slices.ContainsFunc(c.SourcePaths, archive.MatchString) {
					src.Reason = fmt.Sprintf("line %d adds an archive, which is extracted and may hold it", inst.Line)
				}
				if src.Reason != "" && !named {
					lacking, named = src.Reason, true
				}
			}
		}
	}
	return Source{Reason: lacking}
}

// archive is what ADD extracts (docs.docker.com, "Adding local tar archives").
var archive = regexp.MustCompile(`\.(tar|tar\.(gz|bz2|xz|zst)|tgz|tbz2?|txz)$`)

// writers are commands whose operands they write.
var writers = map[string]bool{
	"mv":       true,
	"cp":       true,
	"tee":      true,
	"install":  true,
	"truncate": true,
	"unzip":    true,
	"ln":       true,
	"touch":    true,
	"patch":    true,
}

// written reports whether one of the commands, the last first, writes name.
func (t *Tree) written(commands []*tareshell.Command, name string) (Source, bool) {
	for _, c := range slices.Backward(commands) {
		if c.Dead {
			continue
		}
		if !t.spend(ofCommand) {
			return Source{By: c.Instruction, Reason: errWork}, true
		}
		is := func(w tareshell.Word) bool {
			p := w.Text
			if !path.IsAbs(p) {
				p = path.Join(c.Dir, p)
			}
			return w.Known && rooted(c.Stage, path.Clean(p)) == name
		}
		made := slices.ContainsFunc(c.Writes, is)
		args := c.Words[1:]
		switch prog := c.Name(); {
		case writers[prog], prog == "sed" && slices.ContainsFunc(args, func(w tareshell.Word) bool {
			return strings.HasPrefix(w.Text, "-i") || strings.HasPrefix(w.Text, "--in-place")
		}):
			made = made || slices.ContainsFunc(args, is)
			if (prog == "mv" || prog == "cp") && len(args) > 1 { // into a directory
				dir := args[len(args)-1]
				for _, w := range args[:len(args)-1] {
					into := dir
					into.Text = path.Join(dir.Text, path.Base(w.Text))
					made = made || is(into)
				}
			}
		case slices.Contains([]string{"curl", "wget", "uv", "poetry", "pdm"}, prog) || strings.HasPrefix(prog, "pip"):
			for i, w := range args {
				_, glued, _ := strings.Cut(w.Text, "=")
				if i > 0 && outputs[args[i-1].Text] && is(w) || glued != "" && is(tareshell.Word{Text: glued, Known: w.Known}) {
					made = true
				}
			}
		}
		if made {
			return Source{By: c.Instruction, Writer: c, Reason: fmt.Sprintf("line %d writes it: %s", c.Line, c.Name())}, true
		}
	}
	return Source{}, false
}

var outputs = map[string]bool{"-o": true, "-O": true, "--output": true, "--output-file": true, "--output-document": true}

// under cuts dir off name.
func under(name, dir string) (rest string, ok bool) {
	if dir == "/" || dir == "." && !path.IsAbs(name) {
		return strings.TrimPrefix(name, "/"), true
	}
	if name == dir {
		return "", true
	}
	return strings.CutPrefix(name, dir+"/")
}

// Final finds the file that a container of stage has at name.
func (t *Tree) Final(stage *analysis.Stage, name string) Source {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		return Source{Reason: "there is no build context"}
	}
	if !path.IsAbs(name) {
		last := stage.After
		if !last.WorkdirKnown {
			return Source{Reason: "the working directory is not known"}
		}
		name = path.Join(last.Workdir, name)
	}
	return t.find(stage, nil, rooted(stage, path.Clean(name)), 0)
}

// rooted is p, or, where it is below a base's own working directory that is known
// to be "/", the absolute path.
func rooted(stage *analysis.Stage, p string) string {
	if !path.IsAbs(p) && bases.Lookup(stage.Root).Rooted() {
		return path.Join("/", p)
	}
	return p
}
