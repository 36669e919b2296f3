package multistage

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

type check struct {
	pass     *analysis.Pass
	commands *shell.Commands
	steps    *installs.Steps
}

// work is build work that a chain of stages does.
type work struct {
	at    analysis.Location
	what  string
	key   string
	stage *analysis.Stage
}

// work finds what a chain builds: a compiler that it installs and keeps, or a
// command that compiles. It returns nil if there is neither.
func (c *check) work(chain []*analysis.Stage) *work {
	for _, p := range c.steps.Remaining(chain) {
		if installs.Compiler(p.Name) && !p.Step.Unlikely && c.added(chain, p) {
			return &work{p.Step.Location(), fmt.Sprintf("%q is installed", p.Name), "compiler", p.Step.Stage}
		}
	}
	for _, s := range chain {
		for _, inst := range s.Instructions {
			if c.purges(inst) {
				continue
			}
			for _, cmd := range c.commands.Of(inst) {
				if !cmd.Dead && !cmd.Unlikely && builds(cmd) {
					return &work{cmd.Location(), fmt.Sprintf("%q compiles", short(cmd)), "build", s}
				}
			}
		}
	}
	return nil
}

// added reports whether a compiler came with the chain, and not already with
// its base: by the image where there is one, else by what the base's family is
// known to hold.
func (c *check) added(chain []*analysis.Stage, p installs.Package) bool {
	if !c.pass.HasFiles() {
		return !(bases.Lookup(chain[0].Root).Compiler && installs.Usual(p.Name))
	}
	return slices.ContainsFunc(causes.Fact.Of(c.pass).Groups, func(g *causes.Group) bool {
		return g.Cause == causes.Compiler && !g.Layer.Base
	})
}

// purges reports whether inst removes compilers that it installed itself: what
// it builds is all that it leaves.
func (c *check) purges(inst *analysis.Instruction) bool {
	steps := c.steps.Of(inst)
	compiler := func(s *installs.Step) bool {
		return !s.Remove &&
			slices.ContainsFunc(s.Names,
				func(w shell.Word) bool { return installs.Compiler(installs.PackageName(s.Manager, w.Text)) })
	}
	return slices.ContainsFunc(steps, compiler) &&
		slices.ContainsFunc(steps, func(s *installs.Step) bool { return s.Remove && s.Manager != "rm" })
}

func short(c *shell.Command) string {
	text := c.String()
	if words := strings.Fields(text); len(words) > 4 {
		return strings.Join(words[:4], " ") + " ..."
	}
	return text
}

var (
	reCC = regexp.MustCompile(
		`^(?:[a-z0-9_]+-linux-(?:gnu|musl)-)?(cc|gcc|g\+\+|c\+\+|clang|clang\+\+|tcc|gfortran)(-?[\d.]+)?$`,
	)
	rePy    = regexp.MustCompile(`^python[\d.]*$`)
	builder = map[string]string{ // the verbs of each that compile
		"cmake": "--build", "ninja": "", "meson": "compile install", "cargo": "build install", "go": "build install",
		"mvn": "package install", "gradle": "build assemble",
		"npm": "run-script run", "pnpm": "build run", "yarn": "build run", "maturin": "build develop", "cythonize": "",
		"scons": "", "bazel": "build",
	}
)

// builds reports whether a command compiles an application.
func builds(c *shell.Command) bool {
	name := c.Name()
	arg := func(i int) string {
		if i < len(c.Words) {
			return c.Words[i].Text
		}
		return ""
	}
	switch {
	case name == "make" || name == "gmake":
		return !slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool { // targets that install or test what is there
			return w.Text == "clean" || w.Text == "test" || w.Text == "check" || w.Text == "--version"
		})
	case reCC.MatchString(name):
		return slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool { return source(w.Text) })
	case rePy.MatchString(name):
		return path.Base(arg(1)) == "setup.py" && strings.HasPrefix(arg(2), "build")
	case name == "npm" || name == "pnpm" || name == "yarn":
		for _, w := range c.Words[1:] {
			if w.Text == "build" || strings.HasPrefix(w.Text, "build:") {
				return true
			}
		}
		return false
	}
	verbs, ok := builder[name]
	if !ok {
		return false
	}
	return verbs == "" ||
		slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool { return slices.Contains(strings.Fields(verbs), w.Text) })
}

// source reports whether a compiler's operand is a source file.
func source(name string) bool {
	switch path.Ext(name) {
	case ".c", ".cc", ".cpp", ".cxx", ".C", ".f", ".f90", ".f95", ".s", ".S", ".o":
		return true
	}
	return false
}
