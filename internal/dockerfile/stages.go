package dockerfile

import (
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers/analysis"
)

// scratch is BuildKit's name for no base at all.
const scratch = "scratch"

// A builder makes the stages of one file, in order.
type builder struct {
	triggered      int // instructions that ONBUILD added
	triggeredBytes int // of their text
	file           *analysis.Dockerfile
	options        Options
	declared       []instructions.Stage
	expand         analysis.Expander
	global         *analysis.Vars // ARGs before the first FROM, and the automatic ones
	byName         map[string]*analysis.Stage
	end            map[*analysis.Stage]analysis.State // after a stage's last instruction
}

// begin evaluates the ARGs before the first FROM, the automatic platform ARGs
// among them.
func (b *builder) begin() {
	b.expand = analysis.NewExpander(b.file.Escape)
	b.byName = map[string]*analysis.Stage{}
	b.end = map[*analysis.Stage]analysis.State{}
	for prefix, platform := range map[string]string{"TARGET": b.options.Platform, "BUILD": b.options.BuildPlatform} {
		if platform == "" {
			platform = "linux/" + runtime.GOARCH
		}
		os, arch, _ := strings.Cut(platform, "/")
		arch, variant, _ := strings.Cut(arch, "/")
		for name, value := range map[string]string{"PLATFORM": platform, "OS": os, "ARCH": arch, "VARIANT": variant} {
			b.global = b.global.Set(analysis.Vars{Name: prefix + name, Value: value, Known: true, Arg: true})
		}
	}
	target := b.options.Target
	if target == "" {
		target = "default"
	}
	b.global = b.global.Set(analysis.Vars{Name: "TARGETSTAGE", Value: target, Known: true, Arg: true})
	for _, inst := range b.file.Args {
		inst.State.Vars = b.global
		for _, arg := range inst.Command.(*instructions.ArgCommand).Args {
			b.global = b.arg(b.global, arg, nil, inst.Line)
		}
	}
}

// arg returns vars with one ARG more. Inherit has the values that an ARG
// without a default takes from before the first FROM.
func (b *builder) arg(
	vars *analysis.Vars,
	arg instructions.KeyValuePairOptional,
	inherit *analysis.Vars,
	line int,
) *analysis.Vars {
	x := analysis.Vars{Name: arg.Key, Known: true, Arg: true, Line: line}
	if v, ok := b.options.BuildArgs[arg.Key]; ok {
		x.Value = v
	} else if arg.Value != nil {
		v, known, err := b.expand.Word(*arg.Value, vars)
		x.Value, x.Known = v, known && err == nil
	} else if v := inherit.Find(arg.Key); v != nil {
		x.Value, x.Known, x.Unset, x.Line = v.Value, v.Known, v.Unset, v.Line
	} else if vars.Find(arg.Key) != nil {
		return vars // an ENV, or an ARG of the stage below, keeps its value
	} else {
		x.Known, x.Unset = false, true
	}
	return vars.Set(x)
}

// stage resolves the base of s, adds what ONBUILD of its parent runs, and
// evaluates the state in force at each instruction. The error is a base that
// BuildKit refuses.
func (b *builder) stage(s *analysis.Stage, from *instructions.Stage) error {
	base, known, err := b.expand.Word(from.BaseName, b.global)
	if err != nil {
		return fmt.Errorf("base name %q: %w", from.BaseName, err)
	}
	if known && base == "" {
		return fmt.Errorf("base name %q should not be blank", from.BaseName)
	}
	state := analysis.State{WorkdirKnown: true}
	if image, ok := b.context(base); known && ok {
		base, known = image, image != ""
	}
	if known {
		s.Base = base
		s.Root = base
		if s.Parent = b.byName[base]; s.Parent != nil {
			s.Root = s.Parent.Root
			state = b.end[s.Parent]
		} else if base == scratch {
			state.Workdir = "/"
		}
	}
	if p, known, err := b.expand.Word(from.Platform, b.global); err == nil && known {
		s.Platform = p
	}
	edge := analysis.Edge{Kind: analysis.EdgeFrom, Stage: s.Parent}
	if s.Parent == nil {
		edge.Image = s.Base
	}
	s.Uses = append(s.Uses, edge)
	if err := b.triggers(s); err != nil {
		return err
	}
	for _, inst := range s.Instructions {
		inst.State = state
		state = b.after(inst, state)
	}
	b.end[s], s.After = state, state
	if s.Name != "" {
		b.byName[strings.ToLower(s.Name)] = s
	}
	b.file.Stages = append(b.file.Stages, s)
	return nil
}

// maxTriggered bounds the instructions that ONBUILD adds to the stages of a file.
const maxTriggered = 10_000

// triggers puts what the ONBUILDs of s's parent run before the instructions
// of s. They stand on the line of the ONBUILD.
func (b *builder) triggers(s *analysis.Stage) error {
	if s.Parent == nil {
		return nil
	}
	var first []*analysis.Instruction
	for _, inst := range s.Parent.Instructions {
		on, ok := inst.Command.(*instructions.OnbuildCommand)
		if !ok || inst.Stage != s.Parent {
			continue
		}
		if b.triggeredBytes += len(on.Expression); b.triggeredBytes > MaxSize {
			return fmt.Errorf("ONBUILD of line %d: triggers of this file have more than %d bytes, each time they run", inst.Line,
				MaxSize)
		}
		tree, err := parser.Parse(strings.NewReader(on.Expression))
		if err != nil {
			return fmt.Errorf("ONBUILD of line %d: %w", inst.Line, err)
		}
		for _, node := range tree.AST.Children {
			cmd, err := instructions.ParseInstruction(node)
			if err != nil {
				return fmt.Errorf("ONBUILD of line %d: %w", inst.Line, err)
			}
			if b.triggered++; b.triggered > maxTriggered {
				return fmt.Errorf("ONBUILD of line %d: triggers of this file run more than %d times", inst.Line, maxTriggered)
			}
			if c, ok := cmd.(instructions.Command); ok {
				first = append(first, &analysis.Instruction{Command: c, Stage: s, Line: inst.Line, End: inst.End,
					Text: strings.TrimSpace(node.Original), Lines: analysis.LineTable{{Offset: 0, Line: inst.Line}}})
			}
		}
	}
	s.Instructions = append(first, s.Instructions...)
	return nil
}

// after returns the state that inst leaves.
func (b *builder) after(inst *analysis.Instruction, st analysis.State) analysis.State {
	word := func(w string) (string, bool) {
		v, known, err := b.expand.Word(w, st.Vars)
		return v, known && err == nil
	}
	switch c := inst.Command.(type) {
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			st.Vars = b.arg(st.Vars, arg, b.global, inst.Line)
		}
	case *instructions.EnvCommand:
		set := st.Vars
		for _, kv := range c.Env {
			key, known := word(kv.Key)
			value, ok := word(kv.Value)
			set = set.Set(analysis.Vars{Name: key, Value: value, Known: known && ok, Line: inst.Line})
		}
		st.Vars = set
	case *instructions.WorkdirCommand:
		dir, known := word(c.Path)
		switch {
		case path.IsAbs(dir):
			st.Workdir, st.WorkdirKnown = path.Clean(dir), known
		default:
			st.Workdir, st.WorkdirKnown = path.Join(st.Workdir, dir), st.WorkdirKnown && known
		}
	case *instructions.RunCommand: // mounts are read when their variables are filled in; what is unknown stays as written
		_ = c.Expand(func(w string) (string, error) {
			if v, known := word(w); known {
				return v, nil
			}
			return w, nil
		})
	case *instructions.UserCommand:
		st.User, _ = word(c.User)
	case *instructions.ShellCommand:
		st.Shell = c.Shell
	}
	return st
}

// edges adds the uses of stages by COPY and RUN --mount, which may name stages
// that come later in the file.
func (b *builder) edges() error {
	for _, s := range b.file.Stages {
		for _, inst := range s.Instructions {
			switch c := inst.Command.(type) {
			case *instructions.CopyCommand:
				if c.From == "" {
					continue
				}
				e := b.use(analysis.EdgeCopy, c.From, inst)
				if n, err := strconv.Atoi(c.From); err == nil {
					if n < 0 || n >= len(b.file.Stages) {
						err := fmt.Errorf("COPY --from=%s: the file has stages 0 to %d", c.From, len(b.file.Stages)-1)
						return &Error{Path: b.file.Path, Line: inst.Line, Err: err}
					}
					e.Stage, e.Image = b.file.Stages[n], ""
				}
				s.Uses = append(s.Uses, e)
			case *instructions.RunCommand:
				for _, m := range instructions.GetMounts(c) {
					if m.From != "" {
						s.Uses = append(s.Uses, b.use(analysis.EdgeMount, m.From, inst))
					}
				}
			}
		}
	}
	return nil
}

// context is the image that a named context stands for, in the place of a stage or an
// image of that name ("docker buildx build --build-context"): "" where it is something else
// than an image. It is false where there is no context of that name.
func (b *builder) context(name string) (image string, ok bool) {
	what, ok := b.options.Contexts[name]
	if ref, found := strings.CutPrefix(what, "docker-image://"); found {
		image = ref
	}
	return image, ok
}

func (b *builder) use(kind analysis.EdgeKind, name string, inst *analysis.Instruction) analysis.Edge {
	if image, ok := b.context(name); ok {
		return analysis.Edge{Kind: kind, Instruction: inst, Image: image}
	}
	e := analysis.Edge{Kind: kind, Instruction: inst, Stage: b.byName[strings.ToLower(name)]}
	if e.Stage == nil && !strings.Contains(name, "$") {
		e.Image = name
	}
	return e
}

// target finds the judged stage and what it needs.
func (b *builder) target() error {
	d := b.file
	if len(d.Stages) == 0 {
		return &Error{Path: d.Path, Err: fmt.Errorf("no FROM: a Dockerfile needs at least one stage")}
	}
	d.Target = d.Stages[len(d.Stages)-1]
	if want := b.options.Target; want != "" {
		d.Target = b.byName[strings.ToLower(want)]
		if n, err := strconv.Atoi(want); d.Target == nil && err == nil && n >= 0 && n < len(d.Stages) {
			d.Target = d.Stages[n]
		}
		if d.Target == nil {
			e := &UnknownTargetError{Path: d.Path, Target: want}
			for _, s := range d.Stages {
				if s.Name != "" {
					e.Names = append(e.Names, strconv.Quote(s.Name))
				}
			}
			return e
		}
	} else {
		d.Provisional = Development(d.Target.Name) || developing(d.Path) || makesOthers(d.Target)
	}
	reach(d.Target)
	return nil
}

// reach marks s and all that it needs.
func reach(s *analysis.Stage) {
	if s.Reached {
		return
	}
	s.Reached = true
	for _, e := range s.Uses {
		if e.Stage != nil {
			reach(e.Stage)
		}
	}
}
