package multistage

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/installs"
)

// copies reports each COPY --from of the judged chain that brings a compiler
// of the stage it copies from.
func (c *check) copies(d *analysis.Dockerfile) {
	for _, s := range d.Chain() {
		for _, e := range s.Uses {
			cp, ok := command(e).(*instructions.CopyCommand)
			if !ok || e.Stage == nil && e.Image == "" {
				continue
			}
			var holds []held
			from := e.Image
			if e.Stage != nil {
				holds, from = c.compilers(e.Stage), e.Stage.String()
			} else {
				holds = named(e.Image)
			}
			for _, src := range cp.SourcePaths {
				src = path.Clean("/" + src)
				i := slices.IndexFunc(holds, func(h held) bool {
					return slices.ContainsFunc(h.dirs, func(dir string) bool { return covers(src, dir) })
				})
				if i < 0 || c.pass.HasFiles() && !brought(causes.Fact.Of(c.pass), e.Instruction) {
					continue
				}
				c.pass.Reportf(copiesToolchain, e.Instruction, from+" "+src,
					"COPY --from=%s %s brings %s: copy what was built, such as a virtual environment, "+
						"and not the directory that holds the compiler",
					cp.From, src, holds[i].name)
				break
			}
		}
	}
}

func command(e analysis.Edge) instructions.Command {
	if e.Instruction == nil {
		return nil
	}
	return e.Instruction.Command
}

// covers reports whether a copy of src brings what a compiler in dir needs: src
// is dir, its bin, or above it. A file below dir may be anything.
func covers(src, dir string) bool {
	return src == "/" || src == dir || src == dir+"/bin" || strings.HasPrefix(dir, src+"/")
}

// A held is a compiler of a stage, and where it lies.
type held struct {
	name string
	dirs []string
}

// named are the compilers that an image is known to hold by its name, where the
// official images put them.
func named(ref string) []held {
	b := bases.Lookup(ref)
	if !b.Compiler {
		return nil
	}
	dirs := []string{"/usr"}
	switch b.Family {
	case "golang":
		dirs = append(dirs, "/usr/local/go")
	case "rust":
		dirs = append(dirs, "/usr/local/cargo", "/usr/local/rustup")
	}
	return []held{{fmt.Sprintf("the compilers of %q", ref), dirs}}
}

// compilers are those that a stage is known to hold.
func (c *check) compilers(s *analysis.Stage) (out []held) {
	if s.Root != "" {
		out = named(s.Root)
	}
	for _, p := range c.steps.Remaining(s.Chain()) {
		switch {
		case !installs.Compiler(p.Name) && p.Step.Kind != installs.Toolchain:
		case len(p.Step.Paths) > 0:
			out = append(out, held{p.Name, p.Step.Paths})
		case p.Step.Kind == installs.System:
			out = append(out, held{fmt.Sprintf("%q", p.Name), []string{"/usr"}})
		}
	}
	return out
}

// brought reports whether a compiler of the image came with inst.
func brought(c *causes.Causes, inst *analysis.Instruction) bool {
	return slices.ContainsFunc(c.Groups, func(g *causes.Group) bool {
		return g.Cause == causes.Compiler && slices.Contains(g.Layer.Instructions, inst)
	})
}

// unused notes stages without a name that nothing needs.
func (c *check) unused(d *analysis.Dockerfile) {
	for _, s := range d.Stages {
		if !s.Reached && s.Name == "" {
			c.pass.Reportf(unused, s, s.String(),
				"%s is not built: nothing needs it and it has no name to ask for; remove it, or name it", s)
		}
	}
}

// late notes an installer that runs in the stage that ships although a build
// stage runs it already.
func (c *check) late(d *analysis.Dockerfile) {
	chain := d.Chain()
	earlier := map[string]*installs.Step{}
	for _, s := range d.Stages {
		if !s.Reached || slices.Contains(chain, s) {
			continue
		}
		for _, inst := range s.Instructions {
			for _, step := range c.steps.Of(inst) {
				if reaches(step) && earlier[step.Manager] == nil {
					earlier[step.Manager] = step
				}
			}
		}
	}
	seen := map[string]bool{}
	for _, inst := range d.Target.Instructions {
		for _, step := range c.steps.Of(inst) {
			first := earlier[step.Manager]
			if first == nil || !reaches(step) || seen[step.Manager] {
				continue
			}
			seen[step.Manager] = true
			c.pass.Report(analysis.Finding{
				Rule: lateInstall, Location: step.Location(), Key: step.Manager,
				Message: fmt.Sprintf(
					"%s installs in the stage that ships, and in stage %q too (line %d): install there, and COPY the environment",
					step.Manager,
					first.Stage,
					first.Line,
				),
				Related: []analysis.Related{{Location: first.Location(), Message: "it runs here already"}},
			})
		}
	}
}

// reaches reports whether a command may fetch distributions from an index.
func reaches(s *installs.Step) bool {
	if s.Dead || s.Remove || s.Kind != installs.Python && s.Kind != installs.Project || s.Pip.NoIndex || s.Verb == "wheel" {
		return false
	}
	if run, ok := s.Instruction.Command.(*instructions.RunCommand); ok {
		for _, m := range instructions.GetMounts(run) {
			if m.From != "" { // what a build stage made is installed
				return false
			}
		}
	}
	if s.Kind == installs.Project || len(s.Pip.Requirements) > 0 {
		return true
	}
	for _, w := range s.Names {
		if w.Known && !strings.ContainsAny(w.Text, "/*") && !strings.HasPrefix(w.Text, ".") && !installs.Installer(w.Text) {
			return true
		}
	}
	return false
}
