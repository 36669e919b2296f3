// Package shutdown finds images whose process does not hear SIGTERM, so that
// every rollout waits for the kill.
package shutdown

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "shutdown",
	Doc:    doc,
	Rules:  []*analysis.Rule{shell, script, hookMissing, hookBudget, graceShort, unhandled, stopSignal, reload, celeryCut, noDrain},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{inputs.Fact, process.Fact, process.Application, packages.Fact}},
	Config: Config{},
	Run:    run,
}

// Config is the section shutdown of .tare.yaml.
type Config struct {
	// Report pods behind a Service that have no preStop hook.
	Drain bool `yaml:"drain"`
}

var shell = &analysis.Rule{
	ID:       "shutdown-shell",
	Title:    "process 1 is a shell that does not pass SIGTERM on",
	Severity: analysis.Warning,
	Any:      analysis.InputDockerfile | analysis.InputWorkload,
	Uses:     analysis.InputFiles,
	Runtime:  true,
}

var script = &analysis.Rule{
	ID:       "shutdown-script",
	Title:    "the entrypoint script does not exec its last command",
	Severity: analysis.Warning,
	Any:      analysis.InputDockerfile | analysis.InputWorkload,
	Uses:     analysis.InputContext | analysis.InputFiles,
	Runtime:  true,
}

// A process1 is what a container of the judged stage starts.
type process1 struct {
	inst *analysis.Instruction
	name string   // ENTRYPOINT or CMD
	args []string // of the exec form
	text string   // of the shell form, which shell runs
	sh   []string // the shell and its options
}

func run(pass *analysis.Pass) error {
	if pass.Container != nil {
		pod(pass)
		return nil
	}
	if pass.Dockerfile == nil {
		return nil
	}
	p := first(pass.Dockerfile)
	if p == nil || len(pass.RunBy) > 0 && !slices.ContainsFunc(pass.RunBy, p.runIn) {
		return nil
	}
	if i := process.Script(p.args); p.text == "" && i > 0 {
		p.sh, p.text = p.args[:i], p.args[i]
	}
	switch {
	case p.text != "":
		judgeShell(pass, p)
	case len(p.args) > 0 && pass.Files != nil:
		judgeScript(pass, p)
	case len(p.args) > 0:
		pass.Undecided(script, nil, "needs the files of the build context")
	}
	return nil
}

// runIn reports whether a container has p as its process 1, and is told to end: a command of the pod takes the place of both
// instructions, its args that of CMD, and a Job ends by itself.
func (p *process1) runIn(c *analysis.Container) bool {
	return c.Command == nil && (c.Args == nil || p.name == "ENTRYPOINT") && c.Workload.LongRunning() && !c.Workload.SharedProcesses
}

// first finds process 1: the last ENTRYPOINT of the chain, else the last CMD.
func first(d *analysis.Dockerfile) *process1 {
	var entry, cmd *process1
	for _, s := range d.Chain() {
		for _, inst := range s.Instructions {
			var line instructions.ShellDependantCmdLine
			p := &process1{inst: inst, sh: inst.State.Shell}
			switch c := inst.Command.(type) {
			case *instructions.EntrypointCommand:
				line, p.name, entry = c.ShellDependantCmdLine, "ENTRYPOINT", p
			case *instructions.CmdCommand:
				line, p.name, cmd = c.ShellDependantCmdLine, "CMD", p
			default:
				continue
			}
			if line.PrependShell {
				p.text = strings.Join(line.CmdLine, " ")
			} else {
				p.args = line.CmdLine
			}
		}
	}
	if entry != nil && (entry.text != "" || len(entry.args) > 0) {
		return entry
	}
	return cmd
}

var reInit = regexp.MustCompile(`^(tini|tini-static|dumb-init|s6-svscan|init|catatonit|supervisord|runsvdir|my_init)$`)

// judgeShell judges a script that a shell runs as process 1.
func judgeShell(pass *analysis.Pass, p *process1) {
	judgeText(pass, started{at: p.inst, name: p.name, key: p.name, text: p.text, sh: p.sh, form: p.name + ` ["program", "argument"]`})
}

// A started script is one that a shell runs as process 1, and who says so.
type started struct {
	at   analysis.Node
	name string // ENTRYPOINT, CMD or the pod's command
	key  string
	text string
	sh   []string // the shell and its options
	form string   // how it is written without a shell
	tini bool     // it is a child of tini, which passes signals to the shell alone
}

func judgeText(pass *analysis.Pass, p started) {
	f := process.Parse(p.text)
	if f == nil || len(f.Stmts) == 0 {
		return
	}
	name, args := lastCommand(f.Stmts)
	body := function(f, name)
	if body != nil {
		name, args = lastCommand([]*syntax.Stmt{body})
	}
	if name == "" && branches(f.Stmts[len(f.Stmts)-1]) || name == "exec" || reInit.MatchString(path.Base(name)) ||
		reInit.MatchString(path.Base(args)) || traps(f) {
		return
	}
	sh, known := interpreter(pass, p)
	gone := false
	if known {
		gone, known = replaced(sh, f.Stmts)
	}
	switch {
	case !known:
		pass.Undecided(shell, p.at,
			"which program /bin/sh of the base is, is not known: bash and busybox replace themselves by the last command, dash stays")
		return
	case gone:
		return
	}
	if p.tini {
		pass.Reportf(shell, p.at, p.key, "%s runs %q under tini and a shell: SIGTERM ends the shell, and the application with it at once, "+
			"without the time to finish: %s, or give tini -g", p.name, short(p.text), remedy(p.form, f.Stmts, body != nil))
		return
	}
	pass.Reportf(shell, p.at, p.key,
		"%s runs %q under a shell that does not pass SIGTERM on, so the application is killed after the grace period: %s",
		p.name, short(p.text), remedy(p.form, f.Stmts, body != nil))
}

// replaced reports whether a shell that is given a text runs the last command in its own place, as exec does; known is false where that
// was not measured (dash 0.5.12, bash 5.2, busybox 1.35: "a && b" and "a; b" are the same to them as "b").
func replaced(sh string, list []*syntax.Stmt) (gone, known bool) {
	last := list[len(list)-1]
	for {
		b, ok := last.Cmd.(*syntax.BinaryCmd)
		if !ok || b.Op != syntax.AndStmt && b.Op != syntax.OrStmt || last.Background {
			break
		}
		last = b.Y
	}
	_, call := last.Cmd.(*syntax.CallExpr)
	switch {
	case sh == "dash" || last.Background:
		return false, true
	case sh == "bash":
		return call && len(last.Redirs) == 0, true
	case sh != "busybox" && sh != "ash":
		return false, false
	}
	switch last.Cmd.(type) {
	case *syntax.CallExpr, *syntax.IfClause, *syntax.Block:
		return true, true
	case *syntax.BinaryCmd: // a pipeline
		return false, true
	}
	return false, false
}

// branches reports whether a command is if or case, whose branches lastCommand has seen.
func branches(stmt *syntax.Stmt) bool {
	switch stmt.Cmd.(type) {
	case *syntax.IfClause, *syntax.CaseClause:
		return true
	}
	return false
}

// remedy says how a script can hand process 1 to its last command, which may be a function of its own.
func remedy(form string, list []*syntax.Stmt, function bool) string {
	last := list[len(list)-1]
	for {
		if b, ok := last.Cmd.(*syntax.BinaryCmd); ok && (b.Op == syntax.AndStmt || b.Op == syntax.OrStmt) && !last.Background {
			last = b.Y
		} else if b, ok := last.Cmd.(*syntax.Block); ok && len(b.Stmts) > 0 && !last.Background {
			last = b.Stmts[len(b.Stmts)-1]
		} else {
			break
		}
	}
	call, _ := last.Cmd.(*syntax.CallExpr)
	_, pipeline := last.Cmd.(*syntax.BinaryCmd)
	switch {
	case pipeline:
		return "run the application alone, with exec, and leave its output to the platform; no part of a pipeline can be process 1"
	case last.Background:
		return "run the last command in the foreground, with exec before it"
	case waits(last):
		return "let it trap TERM and leave its loop, or run what repeats as a CronJob"
	case function:
		return "let its function end with exec and the application"
	case call == nil || len(call.Args) == 0:
		return "let it end with exec and the application"
	case simple(list) && !needsShell(last, call):
		return "write it in exec form, " + form
	}
	switch program := call.Args[0].Lit(); program {
	case "":
	case "wait":
		return "run one program alone, or several below an init that passes signals on to all of them (tini -g --)"
	default:
		return fmt.Sprintf("put exec before %q", program)
	}
	return "put exec before its last command"
}

// waits reports whether a command is a loop that sleeps between its turns.
func waits(stmt *syntax.Stmt) bool {
	loop, ok := stmt.Cmd.(*syntax.WhileClause)
	if !ok {
		return false
	}
	name, _ := lastCommand(loop.Do)
	return name == "sleep"
}

// needsShell reports whether a command is more than its words: exec form
// expands, assigns and redirects nothing.
func needsShell(stmt *syntax.Stmt, call *syntax.CallExpr) bool {
	needed := len(call.Assigns) > 0 || len(stmt.Redirs) > 0
	for _, word := range call.Args {
		for i, part := range word.Parts {
			if lit, ok := part.(*syntax.Lit); ok &&
				(strings.ContainsAny(lit.Value, "*?[") || i == 0 && strings.HasPrefix(lit.Value, "~")) {
				needed = true
			}
		}
	}
	syntax.Walk(call, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.ParamExp, *syntax.CmdSubst, *syntax.ArithmExp:
			needed = true
		}
		return true
	})
	return needed
}

func short(s string) string {
	if s = strings.Join(strings.Fields(s), " "); len(s) > 60 {
		return strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}

// simple reports whether a script is one simple command.
func simple(list []*syntax.Stmt) bool {
	if len(list) != 1 || list[0].Background || list[0].Negated {
		return false
	}
	_, ok := list[0].Cmd.(*syntax.CallExpr)
	return ok
}

// lastCommand is the name of the command that a script ends with, and its
// first argument: that of the right side of && and ||.
func lastCommand(list []*syntax.Stmt) (name, arg string) {
	if len(list) == 0 {
		return "", ""
	}
	switch c := list[len(list)-1].Cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) > 0 {
			name = c.Args[0].Lit()
		}
		if len(c.Args) > 1 {
			arg = c.Args[1].Lit()
		}
	case *syntax.BinaryCmd:
		if c.Op != syntax.Pipe && c.Op != syntax.PipeAll {
			if name, arg := lastCommand([]*syntax.Stmt{c.X}); name == "exec" && c.Op == syntax.OrStmt { // exec app || exit 1
				return name, arg
			}
			return lastCommand([]*syntax.Stmt{c.Y})
		}
	case *syntax.Block:
		return lastCommand(c.Stmts)
	case *syntax.IfClause: // the first branch that does not end well
		for branch := c; branch != nil; branch = branch.Else {
			if name, arg := lastCommand(branch.Then); ends(name, arg) && serves(branch.Then, name) {
				return name, arg
			}
		}
		return "", ""
	case *syntax.CaseClause:
		for _, item := range c.Items {
			if name, arg := lastCommand(item.Stmts); ends(name, arg) && serves(item.Stmts, name) {
				return name, arg
			}
		}
		return "", ""
	case *syntax.WhileClause, *syntax.ForClause: // what runs again is no server
		return "", ""
	}
	return name, arg
}

// servers are commands that run until they are told to end.
var servers = map[string]bool{
	"gunicorn": true, "uvicorn": true, "hypercorn": true, "daphne": true, "granian": true, "uwsgi": true,
	"waitress-serve": true, "celery": true, "flask": true, "fastapi": true,
	"streamlit": true, "rq": true, "dramatiq": true, "huey_consumer": true, "jupyter": true, "nginx": true,
}

// serves reports whether a branch ends with a server: one that ends with a
// migration or a test is a job, which nobody asks to end.
func serves(list []*syntax.Stmt, name string) bool {
	if servers[path.Base(name)] {
		return true
	}
	found := false
	if len(list) > 0 {
		syntax.Walk(list[len(list)-1], func(n syntax.Node) bool {
			if w, ok := n.(*syntax.Word); ok && (w.Lit() == "runserver" || servers[w.Lit()]) {
				found = true
			}
			return true
		})
	}
	return found
}

// function is the body of the function that a script declares by this name, nil
// if there is none.
func function(f *syntax.File, name string) (body *syntax.Stmt) {
	syntax.Walk(f, func(n syntax.Node) bool {
		if d, ok := n.(*syntax.FuncDecl); ok && d.Name.Value == name {
			body = d.Body
		}
		return true
	})
	return body
}

// traps reports whether a script handles signals itself.
func traps(f *syntax.File) bool {
	found := false
	syntax.Walk(f, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 && call.Args[0].Lit() == "trap" {
			found = true
		}
		return true
	})
	return found
}

// interpreter names the shell that runs p: by the image's /bin/sh where there
// is one, else by the family of the base.
func interpreter(pass *analysis.Pass, p started) (name string, known bool) {
	program := "/bin/sh"
	if len(p.sh) > 0 {
		program = p.sh[0]
	}
	if base := path.Base(program); base != "sh" {
		return base, true
	}
	if pass.HasFiles() {
		if f := pass.Image.Lookup("bin/sh"); f != nil {
			return path.Base(f.Path), true
		}
		return "", false
	}
	if pass.Dockerfile == nil {
		return "", false
	}
	b := bases.Lookup(pass.Dockerfile.Chain()[0].Root)
	switch {
	case b.Family == "alpine" || strings.Contains(b.Tag, "alpine"):
		return "busybox", true
	case slices.Contains([]string{"python", "pypy", "node", "debian", "ubuntu", "buildpack-deps"}, b.Family):
		return "dash", true
	case b.Family == "cuda" && strings.Contains(b.Tag, "ubuntu"),
		b.Family == "uv" && (strings.Contains(b.Tag, "slim") || strings.Contains(b.Tag, "bookworm") || strings.Contains(b.Tag, "trixie")):
		return "dash", true
	case b.Family == "ubi", b.Family == "cuda":
		return "bash", true
	}
	return "", false
}
