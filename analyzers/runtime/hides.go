package runtime

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

var hides = &analysis.Rule{
	ID:       "runtime-mount-hides",
	Title:    "a volume hides what the container runs",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var bypassed = &analysis.Rule{
	ID:       "runtime-init-bypassed",
	Title:    "the pod's command takes the place of the image's init",
	Severity: analysis.Note,
	Needs:    analysis.InputWorkload | analysis.InputManifest,
}

// hidden finds volumes of ConfigMaps and Secrets over a directory of the image that holds what the container runs, which they do
// not hold: its program, or the module that its server loads.
func hidden(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	if len(p.Argv) == 0 {
		return
	}
	for _, m := range c.Mounts {
		dir := path.Join("/", m.Path)
		if !m.Fixed || m.SubPath || m.Files == nil || dir == "/" {
			continue
		}
		over := func(file string) bool {
			rest, ok := strings.CutPrefix(file, dir+"/")
			if !ok || pass.Image.Inode(file) == nil {
				return false
			}
			first, _, _ := strings.Cut(rest, "/")
			return !slices.Contains(m.Files, first) && !slices.ContainsFunc(c.Mounts, func(x analysis.Mount) bool { // one within it
				return len(x.Path) > len(m.Path) && strings.HasPrefix(file+"/", strings.TrimSuffix(path.Join("/", x.Path), "/")+"/")
			})
		}
		what := ""
		switch word := p.Argv[0]; {
		case path.IsAbs(word) && over(path.Clean(word)):
			what = fmt.Sprintf("%q, which it runs", word)
		case strings.Contains(word, "/") && over(path.Join(p.Workdir(pass), word)):
			what = fmt.Sprintf("%q, which it runs", word)
		default:
			for _, file := range modules(pass, p) {
				if over(file) {
					what = fmt.Sprintf("%q, which %s loads", file, p.Server.Kind)
				}
			}
		}
		if what == "" {
			continue
		}
		pass.Report(analysis.Finding{
			Rule: hides, Location: m.At, Key: c.Name + " " + dir,
			Message: fmt.Sprintf(
				"the volume at %q of %q hides what the image has there, with %s: mount the files that it holds one by one "+
					"(subPath), or on a directory of their own",
				dir,
				c.Name,
				what,
			),
			Related: p.By(),
		})
	}
}

// modules are the files that may be the module which the server loads by its name, "package.module:object", from the working
// directory.
func modules(pass *analysis.Pass, p *process.Process) []string {
	if p.Server == nil || len(p.Inner) < 2 {
		return nil
	}
	for _, w := range p.Inner[1:] {
		module, object, ok := strings.Cut(w, ":")
		if !ok || module == "" || object == "" || !isModule(module) {
			continue
		}
		base := path.Join(p.Workdir(pass), strings.ReplaceAll(module, ".", "/"))
		return []string{base + ".py", base + "/__init__.py"}
	}
	return nil
}

func isModule(name string) bool {
	for _, part := range strings.Split(name, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' || strings.ContainsFunc(part, func(r rune) bool {
			return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		}) {
			return false
		}
	}
	return true
}

// bypass finds a command of a pod that takes the place of an init which its image starts everything by, for a program that needs one:
// a shell or an interpreter as process 1 ignores SIGTERM.
func bypass(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	entry := pass.Image.Config.Config.Entrypoint
	if c.Command == nil || len(entry) == 0 || !process.IsInit(entry[0]) || len(p.Argv) == 0 ||
		c.Workload.SharedProcesses ||
		!c.Workload.LongRunning() ||
		p.Server != nil {
		return
	}
	name := path.Base(p.Argv[0])
	if !strings.HasPrefix(name, "python") && !process.IsShell(p.Argv[0]) || strings.HasPrefix(strings.TrimSpace(p.Shell), "exec ") {
		return
	}
	if program, why := p.Program(pass); why != "" || program != nil && (program.Foreign != "" || program.Handles()) {
		return // it may handle the signal itself
	}
	pass.Report(analysis.Finding{
		Rule: bypassed, Location: p.At, Key: c.Name, Related: p.Made(),
		Message: fmt.Sprintf(
			"the command of %q takes the place of the image's ENTRYPOINT, and with it of %s: %s is process 1 then; give the words as args",
			c.Name,
			path.Base(entry[0]),
			name,
		),
	})
}
