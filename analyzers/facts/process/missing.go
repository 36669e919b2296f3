package process

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// builtins are words of a shell's command that are no programs.
var builtins = []string{
	"test", "[", "[[", "echo", "cd", "true", "false", "exit", "command", "printf", "kill", "read", "set", "export", "eval", "exec", "trap",
	"wait",
	":", ".", "source", "type", "ulimit", "umask", "unset", "local", "return", "shift", "hash", "pwd", "times", "let", "declare",
}

// Missing is the program that a command of a probe or a hook names and that the container does not have, so that
// the command always fails: the command's own, or, of a shell's one list of commands, the first that it runs. It
// is "" where nothing is missing, where that is not known, and where another answers instead (curl ... || wget ...).
func (p *Process) Missing(pass *analysis.Pass, command []string) string {
	if len(command) == 0 || strings.Contains(command[0], "$(") || slices.ContainsFunc(command[1:], func(w string) bool {
		return len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w, "l") && IsShell(command[0]) // its profile may set PATH
	}) {
		return ""
	}
	if f, known := p.Find(pass, command[0]); f == nil {
		if known {
			return command[0]
		}
		return ""
	}
	i := Script(command)
	if i == 0 {
		return ""
	}
	file := Parse(command[i])
	if file == nil || len(file.Stmts) != 1 {
		return ""
	}
	first := file.Stmts[0]
	for {
		b, ok := first.Cmd.(*syntax.BinaryCmd)
		if !ok {
			break
		}
		if b.Op != syntax.AndStmt && (b.Op != syntax.OrStmt || !fails(b.Y)) {
			return ""
		}
		first = b.X
	}
	call, ok := first.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || first.Negated || first.Background {
		return ""
	}
	name := call.Args[0].Lit()
	if name == "" || strings.HasPrefix(name, "~") || slices.Contains(builtins, name) {
		return ""
	}
	if f, known := p.Find(pass, name); f == nil && known {
		return name
	}
	return ""
}

// fails reports whether a command of a shell does nothing but end with a status that is not 0.
func fails(stmt *syntax.Stmt) bool {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || stmt.Negated {
		return false
	}
	switch call.Args[0].Lit() {
	case "false":
		return true
	case "exit", "kill": // kill 1 restarts the container
		return len(call.Args) > 1 && call.Args[1].Lit() != "0"
	}
	return false
}
