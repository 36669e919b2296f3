package installs

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

// A Package is one package that a step installed.
type Package struct {
	Name string // without its version
	Word shell.Word
	Step *Step
	Kept string // why a removal that was meant for it did not take it away; ""
}

// Remaining returns the packages of the system, of conda and of compilers' own
// installers that the stages of a chain install and do not remove again, in
// order. What a branch installs that is not taken is left out.
func (s *Steps) Remaining(chain []*analysis.Stage) []Package {
	p := present{auto: map[string]bool{}}
	for _, stage := range chain {
		for _, inst := range stage.Instructions {
			for _, step := range s.of[inst] {
				if !step.Dead && step.Kind != Python && step.Kind != Project {
					p.apply(step)
				}
			}
		}
	}
	return p.list
}

// present is the packages that are there while a chain is walked.
type present struct {
	list []Package
	auto map[string]bool // marked as dependencies by apt-mark
}

func (p *present) apply(s *Step) {
	switch {
	case s.Mark:
		for _, pkg := range p.list {
			for _, w := range s.Names {
				if w.Known && marks(w.Text, pkg.Name) {
					p.auto[pkg.Name] = s.Remove
				} else if !w.Known && !s.Remove { // apt-mark manual $savedAptMark: what was there before this RUN
					p.auto[pkg.Name] = p.auto[pkg.Name] && pkg.Step.Instruction == s.Instruction
				}
			}
		}
	case s.Manager == "rm":
		p.list = slices.DeleteFunc(p.list, func(pkg Package) bool {
			return len(pkg.Step.Paths) > 0 && !slices.ContainsFunc(pkg.Step.Paths, func(dir string) bool {
				return !slices.ContainsFunc(s.Paths,
					func(gone string) bool { return gone != "" && (dir == gone || strings.HasPrefix(dir, gone+"/")) })
			})
		})
	case s.Remove:
		p.remove(s)
	case !mounted(s):
		for _, w := range s.Names {
			if !w.Known {
				continue
			}
			name := PackageName(s.Manager, w.Text)
			p.list = append(p.list, Package{Name: name, Word: w, Step: s})
			delete(p.auto, name)
		}
	}
}

// marks reports whether a word of apt-mark names the package: a name, or a
// pattern such as '.*'.
func marks(word, name string) bool {
	if word == name || word == ".*" || word == "*" {
		return true
	}
	re, err := regexp.Compile("^(?:" + word + ")$")
	return err == nil && strings.ContainsAny(word, ".*^$") && re.MatchString(name)
}

// remove takes away what a step names. A package that only depends on others
// leaves those, unless dependencies go too.
func (p *present) remove(s *Step) {
	var names []string
	for i := range p.list {
		p.list[i].kept(s)
	}
	all := true // every word is known
	for _, w := range s.Names {
		if w.Known {
			names = append(names, PackageName(s.Manager, w.Text))
		} else {
			all = false
		}
	}
	p.list = slices.DeleteFunc(p.list, func(pkg Package) bool {
		if pkg.Step.Manager != s.Manager && !(pkg.Step.Kind == Conda && s.Kind == Conda) {
			return false
		}
		if s.Auto && p.auto[pkg.Name] {
			return true
		}
		if !all && pkg.Step.Instruction == s.Instruction {
			return true // $(...) names packages that cannot be known: those of this RUN are meant
		}
		for _, n := range names {
			if n == pkg.Name && s.Manager == "apt" && !s.Auto && Wrapper(n) {
				p.auto[n] = true // what it depends on stays until dependencies are removed
				return false
			}
			if n == pkg.Name || pkg.Step.Virtual != "" && n == pkg.Step.Virtual {
				return true
			}
			if s.Manager == "apt" && strings.ContainsAny(n, "*?[^$") { // apt-get(8): a POSIX expression, anywhere in the name
				if rx, err := regexp.Compile(n); err == nil && rx.MatchString(pkg.Name) {
					return true
				}
			}
			if strings.ContainsAny(n, "*?[") {
				if ok, _ := path.Match(n, pkg.Name); ok {
					return true
				}
			}
		}
		return false
	})
}

// kept notes why the removal s does not take pkg away, where it looks as if it
// should.
func (pkg *Package) kept(s *Step) {
	if pkg.Step.Manager != s.Manager {
		return
	}
	for _, w := range s.Names {
		name := PackageName(s.Manager, w.Text)
		switch {
		case !w.Known:
		case s.Manager == "apt" && !s.Auto && name == pkg.Name && Wrapper(name):
			pkg.Kept = fmt.Sprintf("%s of line %d leaves what %q depends on, the compiler among it: add --auto-remove", s.Verb,
				s.Line, name)
		case s.Manager == "apk" && s.Instruction == pkg.Step.Instruction && strings.HasPrefix(name, ".") &&
			pkg.Step.Virtual != "" && name != pkg.Step.Virtual:
			pkg.Kept = fmt.Sprintf("apk del of line %d removes %q, and the virtual package is called %q", s.Line, name,
				pkg.Step.Virtual)
		}
	}
}

// mounted reports whether all that a step fills lies on a cache or tmpfs
// mount: nothing of it is left in the layer.
func mounted(s *Step) bool {
	run, ok := s.Instruction.Command.(*instructions.RunCommand)
	if !ok || len(s.Paths) == 0 {
		return false
	}
	for _, dir := range s.Paths {
		on := false
		for _, m := range instructions.GetMounts(run) {
			if (m.Type == instructions.MountTypeCache || m.Type == instructions.MountTypeTmpfs) &&
				(dir == m.Target || strings.HasPrefix(dir, m.Target+"/")) {
				on = true
			}
		}
		if !on {
			return false
		}
	}
	return true
}
