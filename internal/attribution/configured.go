package attribution

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// configured finds an instruction that makes no layer, and that is not what the image's
// configuration says: CMD, ENTRYPOINT, USER, WORKDIR, STOPSIGNAL, EXPOSE, VOLUME, ENV and
// LABEL. Of each setting the last instruction counts. A value with a variable is not compared:
// the build may have been given another.
func configured(chain []*analysis.Stage, im *analysis.Image) *analysis.Difference {
	c := &comparison{config: &im.Config.Config, last: map[string]setting{}}
	for _, stage := range chain {
		for _, inst := range stage.Instructions {
			c.instruction(inst)
		}
	}
	first, name := (*analysis.Difference)(nil), ""
	for n, s := range c.last {
		if s.got == s.want {
			continue
		}
		at := s.inst.Location()
		if first != nil && (at.Line > first.Location.Line || at.Line == first.Location.Line && n > name) {
			continue
		}
		what := "the image has none"
		switch {
		case strings.HasPrefix(s.got, "="): // of a variable it may be a secret
			what = "the image has another value"
		case s.got != "":
			what = fmt.Sprintf("the image has %q", analysis.Clip(redact.History(s.got), 80))
		}
		first, name = &analysis.Difference{Location: at, What: what}, n
	}
	return first
}

// A setting is what a Dockerfile says of one thing, and what the image has; "" is none.
type setting struct {
	inst      *analysis.Instruction
	want, got string
}

// A comparison is of one image.
type comparison struct {
	config *v1.Config
	last   map[string]setting // by the instruction's name, and by what it sets where it may set several
}

// set compares one word, its quotes removed.
func (c *comparison) set(inst *analysis.Instruction, name, word string, got func(word string) string) {
	plain, ok := unquoted(inst, word)
	if !ok {
		delete(c.last, name) // whatever was set before it
		return
	}
	c.last[name] = setting{inst, plain, got(plain)}
}

// unquoted is a word as a builder takes it; it is false where it holds a variable.
func unquoted(inst *analysis.Instruction, word string) (string, bool) {
	plain, known, err := analysis.NewExpander(inst.Stage.Dockerfile.Escape).Word(word, nil)
	return plain, known && err == nil && !strings.Contains(word, "$")
}

func (c *comparison) instruction(inst *analysis.Instruction) {
	is := func(v string) func(string) string { return func(string) string { return v } }
	switch x := inst.Command.(type) {
	case *instructions.CmdCommand:
		c.words(inst, "CMD", x.ShellDependantCmdLine, c.config.Cmd)
	case *instructions.EntrypointCommand:
		c.words(inst, "ENTRYPOINT", x.ShellDependantCmdLine, c.config.Entrypoint)
		// Whether a CMD of another stage is kept depends on the builder.
		if cmd, ok := c.last["CMD"]; ok && cmd.inst.Stage != inst.Stage {
			delete(c.last, "CMD")
		}
	case *instructions.UserCommand:
		c.set(inst, "USER", x.User, is(c.config.User))
	case *instructions.WorkdirCommand:
		dir := c.config.WorkingDir
		if dir != "" {
			dir = path.Clean(dir)
		}
		if plain, ok := unquoted(inst, x.Path); ok && path.IsAbs(plain) {
			c.last["WORKDIR"] = setting{inst, path.Clean(plain), dir}
		} else { // it stands on what is above it
			delete(c.last, "WORKDIR")
		}
	case *instructions.StopSignalCommand:
		c.set(inst, "STOPSIGNAL", x.Signal, is(c.config.StopSignal))
	case *instructions.ExposeCommand:
		for _, p := range x.Ports {
			if number, protocol, _ := strings.Cut(p, "/"); !strings.ContainsAny(p, "-:$\"'") {
				c.member(inst, "EXPOSE", number+"/"+cmp.Or(strings.ToLower(protocol), "tcp"), c.config.ExposedPorts)
			}
		}
	case *instructions.VolumeCommand:
		for _, v := range x.Volumes {
			if plain, ok := unquoted(inst, v); ok {
				c.member(inst, "VOLUME", plain, c.config.Volumes)
			}
		}
	case *instructions.EnvCommand:
		for _, kv := range x.Env {
			c.pair(inst, "ENV", kv.Key, kv.Value, pairs(c.config.Env))
		}
	case *instructions.LabelCommand:
		for _, kv := range x.Labels {
			// Those of OCI's annotations are what continuous integration sets over the Dockerfile's.
			if !strings.HasPrefix(strings.Trim(kv.Key, `"'`), "org.opencontainers.") {
				c.pair(inst, "LABEL", kv.Key, kv.Value, c.config.Labels)
			}
		}
	}
}

// words compares a command: a list, or a line that a shell gets.
func (c *comparison) words(inst *analysis.Instruction, name string, x instructions.ShellDependantCmdLine, got []string) {
	want := slices.Clone([]string(x.CmdLine))
	if x.PrependShell {
		shell := inst.State.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		want = append(slices.Clone(shell), want...)
		if len(got) > 2 && got[0] == "/bin/sh" && got[1] == "-c" { // buildah's, whatever SHELL says
			want = append([]string{"/bin/sh", "-c"}, x.CmdLine...)
		}
	}
	c.last[name] = setting{inst, list(want), list(got)}
}

// list is a command as one text.
func list(words []string) string {
	if len(words) == 0 {
		return ""
	}
	text, err := json.Marshal(words)
	if err != nil {
		return strings.Join(words, " ")
	}
	return string(text)
}

// member compares one of a set.
func (c *comparison) member(inst *analysis.Instruction, name, key string, set map[string]struct{}) {
	got := ""
	if _, ok := set[key]; ok {
		got = key
	}
	c.last[name+" "+key] = setting{inst, key, got}
}

// pair compares a key and its value.
func (c *comparison) pair(inst *analysis.Instruction, name, key, value string, got map[string]string) {
	key, ok := unquoted(inst, key)
	if !ok {
		return
	}
	c.set(inst, name+" "+key, value, func(string) string {
		if v, ok := got[key]; ok {
			return "=" + v
		}
		return ""
	})
	if s, ok := c.last[name+" "+key]; ok && s.inst == inst {
		s.want = "=" + s.want // an empty value is one
		c.last[name+" "+key] = s
	}
}

// pairs are the variables of a configuration.
func pairs(env []string) map[string]string {
	m := map[string]string{}
	for _, kv := range env {
		key, value, _ := strings.Cut(kv, "=")
		m[key] = value
	}
	return m
}

// recorded finds an instruction without a layer of which BuildKit's entry lacks or says
// something else, or an entry that the Dockerfile has no instruction for: BuildKit writes one for
// each instruction (dockerfile2llb, commitToHistory), and labels alone may be given to the build.
// It returns nil where another builder wrote some of the entries.
func recorded(chain []*analysis.Stage, expected []*entry, history []v1.History, places []*entry, first int) *analysis.Difference {
	var found *analysis.Difference
	note := func(at analysis.Location, format string, args ...any) {
		if found == nil || at.Line < found.Location.Line {
			found = &analysis.Difference{Location: at, What: fmt.Sprintf(format, args...)}
		}
	}
	at, after := chain[len(chain)-1].Location(), ""
	placed := map[*entry]created{}
	for i := first; i < len(history); i++ {
		h, e := history[i], places[i]
		if !strings.HasPrefix(h.Comment, "buildkit.dockerfile") {
			return nil
		}
		c := parse(h)
		switch {
		case e != nil:
			placed[e] = c
			at, after = e.inst.Location(), fmt.Sprintf(" after line %d", e.inst.Line)
		case h.EmptyLayer && slices.Contains(silent, c.verb) && c.verb != "LABEL":
			note(at, "the image has one more %s%s", c.verb, after)
		}
	}
	for _, e := range expected {
		c, ok := placed[e]
		switch {
		case !ok && e.verb == "WORKDIR":
			// The layer of another one counts as the base's, and with it all that is above it.
			if d := moved(expected, history); d != nil {
				return d
			}
		case !ok && slices.Contains(silent, e.verb) && !e.inst.Triggered():
			note(e.inst.Location(), "the image has nothing of it")
		case ok && !e.says(c):
			note(e.inst.Location(), "the image has another %s", e.verb)
		}
	}
	return found
}

// moved finds a WORKDIR that is another in the image, where all else that makes a layer is the
// same: BuildKit makes one for it, which then has no instruction.
func moved(expected []*entry, history []v1.History) *analysis.Difference {
	var want []*entry
	for _, e := range expected {
		if e.verb == "WORKDIR" {
			want = append(want, e)
		}
	}
	var got []created
	for _, h := range history {
		if c := parse(h); c.verb == "WORKDIR" {
			got = append(got, c)
		}
	}
	var first *analysis.Difference
	for n := 1; n <= min(len(want), len(got)); n++ { // those of the base stand first
		if e, c := want[len(want)-n], got[len(got)-n]; e.match(c) == 0 {
			first = &analysis.Difference{Location: e.inst.Location(), What: fmt.Sprintf("the image has %q", short(c))}
		}
	}
	return first
}

// silent are the instructions that make no layer, and leave an entry.
var silent = []string{"CMD", "ENTRYPOINT", "USER", "ENV", "LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL", "HEALTHCHECK"}

// says reports whether an entry of BuildKit's for ENV, LABEL or USER may have the values of the
// instruction: those with a variable may be any.
func (e *entry) says(c created) bool {
	var words []string
	add := func(key, value string) bool {
		k, ok := unquoted(e.inst, key)
		v, known := unquoted(e.inst, value)
		words = append(words, k+"="+v)
		return ok && known
	}
	known := true
	switch x := e.inst.Command.(type) {
	case *instructions.EnvCommand:
		for _, kv := range x.Env {
			known = add(kv.Key, kv.Value) && known
		}
	case *instructions.LabelCommand:
		for _, kv := range x.Labels {
			known = add(kv.Key, kv.Value) && known
		}
	case *instructions.UserCommand:
		user, ok := unquoted(e.inst, x.User)
		words, known = []string{user}, ok
	default:
		return true
	}
	return !known || collapse(strings.Join(words, " ")) == c.body
}
