package installs

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/redact"
)

// maxScripts is how deep scripts that run scripts are followed.
const maxScripts = 5

// A reader finds the steps of a Dockerfile, in the scripts too that its RUN
// instructions run from the build context, and what it cannot read.
type reader struct {
	pass     *analysis.Pass
	tree     *inputs.Tree
	commands *shell.Commands
	steps    *Steps
	ended    bool // the scripts became too many words
}

// command adds what c installs or removes.
func (r *reader) command(c *shell.Command, depth int) {
	if step := read(c); step != nil {
		step.Command = c
		r.steps.of[c.Instruction] = append(r.steps.of[c.Instruction], step)
		r.unknown(step)
		return
	}
	if c.Dead {
		return
	}
	if why := nameless(c); why != "" {
		r.add(Open{Instruction: c.Instruction, At: c.Location(), Reason: why, System: true, Python: true})
		return
	}
	if words := wrapped(c); words != "" {
		r.unread(c.Instruction, c.Location(), words, fmt.Sprintf("what %q runs is not followed", short(c)))
		return
	}
	if c.PipedScript() {
		if !harmless.MatchString(c.PipeFrom.String()) {
			r.add(Open{
				Instruction: c.Instruction,
				At:          c.Location(),
				Reason:      fmt.Sprintf("what %q gives to %s is not known", short(c.PipeFrom), c.Name()),
				System:      true,
				Python:      true,
			})
		}
		return
	}
	file, ok := c.ScriptFile()
	if !ok || r.ended {
		return
	}
	why := ""
	switch src := r.tree.Resolve(c, file.Text); {
	case !file.Known:
		why = fmt.Sprintf("the script that %s runs is not known", c.Name())
	case src.Path == "" && (src.By != nil || r.pass.Files != nil) && !elsewhere(file.Text, src):
		why = fmt.Sprintf("the script %q cannot be opened: %s", file.Text, src.Reason)
	case src.Path == "":
		return // of the base, which is not looked into
	case depth >= maxScripts:
		why = fmt.Sprintf("scripts run scripts more than %d deep", maxScripts)
	default:
		at := r.pass.At(src.Path, 1, 1)
		text, err := r.pass.ReadFile(src.Path)
		if err != nil {
			why = fmt.Sprintf("the script %q cannot be read: %v", file.Text, err)
			break
		}
		commands, reason := r.commands.Follow(c, at.Path, text)
		if r.ended = r.commands.Exhausted(); r.ended { // the others are not looked at
			why = reason
			break
		}
		if reason != "" {
			r.unread(c.Instruction, c.Location(), text, fmt.Sprintf("the script %q: %s", file.Text, reason))
		}
		for _, inner := range commands {
			r.command(inner, depth+1)
		}
	}
	if why != "" {
		r.add(Open{Instruction: c.Instruction, At: c.Location(), Reason: why, System: true, Python: true})
	}
}

// nameless says why what c installs is not known, where its name or its script is
// a value that is not known; "" where that is none of its doing.
func nameless(c *shell.Command) string {
	installs := slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool {
		return slices.Contains([]string{"install", "add", "sync", "-S"}, w.Text)
	})
	switch {
	case c.Name() == "" && installs:
		return fmt.Sprintf("the name of the command %q is not known", short(c))
	case c.Name() == "eval", c.Name() == "" && len(c.Words) == 1, c.UnknownScript():
		return fmt.Sprintf("the script that %q runs is not known", short(c))
	}
	return ""
}

// prints are commands that do not run what they name.
var prints = regexp.MustCompile(
	`^(echo|printf|grep|egrep|rg|sed|awk|cat|tee|test|\[|git|ls|rm|cp|mv|ln|chmod|chown|mkdir|touch|find|which|type|` +
		`hash|alias|update-alternatives|curl|wget|tar|man|dpkg|rpm|snap|npm|yarn|pnpm|make|cmake)$`,
)

// wrapped are the words behind a command that is not known, which look like an
// installer that it runs; "" if there are none.
func wrapped(c *shell.Command) string {
	if prints.MatchString(c.Name()) {
		return ""
	}
	for i := 1; i+1 < len(c.Words); i++ {
		name, verb := path.Base(c.Words[i].Text), c.Words[i+1].Text
		if (pythonWord.FindString(name) == name || systemWord.FindString(name) == name) && name != "" &&
			(verb == "install" || verb == "add" || verb == "sync" || verb == "pip") {
			return name
		}
	}
	return ""
}

// elsewhere reports whether a script that no instruction brings is one of the
// base image: a path of the system's.
func elsewhere(name string, src inputs.Source) bool {
	if src.By != nil {
		return false
	}
	for _, dir := range []string{"/usr/", "/etc/", "/opt/", "/bin/", "/root/", "/home/", "~"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return strings.Contains(name, "bin/activate")
}

// unknown says that a step's names are not all known.
func (r *reader) unknown(s *Step) {
	if s.Remove || s.Dead || s.Kind != System {
		return
	}
	for _, w := range s.Names {
		if !w.Known {
			r.add(Open{
				Instruction: s.Instruction,
				At:          s.Location(),
				Reason:      fmt.Sprintf("a word of %q is not known%s", short(s.Command), variables(s.Command)),
				System:      true,
			})
			return
		}
	}
}

// Unknown says why a word of the step is not known, as the end of a sentence: "",
// or the variable that has no value.
func (s *Step) Unknown() string { return variables(s.Command) }

// variables names the variables of ARG without a value that a command's line may
// hold.
func variables(c *shell.Command) string {
	for _, v := range c.Instruction.State.Vars.All() {
		if !v.Known && v.Arg &&
			(strings.Contains(c.Instruction.Text, "$"+v.Name) || strings.Contains(c.Instruction.Text, "${"+v.Name)) {
			return fmt.Sprintf(": ARG %s of line %d has no value; --build-arg gives it one", v.Name, v.Line)
		}
	}
	return ""
}

var (
	systemWord = regexp.MustCompile(`(?i)\b(apt-get|apt|aptitude|apk|dnf|microdnf|yum|zypper|pacman|tdnf)\b`)
	pythonWord = regexp.MustCompile(
		`(?i)\b(pip\d*(\.\d+)?|uv|uvx|pipx|poetry|pipenv|pdm|pixi|conda|mamba|micromamba|easy_install)\b`,
	)
	// Installers that bring one program of a version that they choose, and no compiler.
	harmless = regexp.MustCompile(
		`astral\.sh/(uv|ruff)|install\.python-poetry\.org|pdm-project\.org|get-pip\.py|deb\.nodesource\.com|nvm-sh/nvm|` +
			`bun\.sh/install|deno\.land|sh\.rustup\.rs|static\.rust-lang\.org`,
	)
)

// unread says that a text could not be read, where it names an installer.
func (r *reader) unread(inst *analysis.Instruction, at analysis.Location, text, why string) {
	o := Open{
		Instruction: inst,
		At:          at,
		Reason:      why,
		System:      systemWord.MatchString(text),
		Python:      pythonWord.MatchString(text),
	}
	if o.System || o.Python {
		r.add(o)
	}
}

func (r *reader) add(o Open) { r.steps.open = append(r.steps.open, o) }

// text is a RUN as it stands in the file.
func text(inst *analysis.Instruction) string {
	var b strings.Builder
	b.WriteString(inst.Text)
	for _, doc := range inst.Heredocs {
		b.WriteString("\n" + doc.Content)
	}
	return b.String()
}

// trigger says that an ONBUILD is not judged here: it runs in the builds of
// others.
func (r *reader) trigger(inst *analysis.Instruction) {
	if c, ok := inst.Command.(*instructions.OnbuildCommand); ok {
		r.unread(inst, inst.Location(), c.Expression, "ONBUILD runs in the builds that stand on this image, and is judged there")
	}
}

// short is the beginning of a command, for a message.
func short(c *shell.Command) string { return analysis.Clip(redact.Credentials(c.String()), 60) }
