package process

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// builtins are words of a shell's command that are no programs.
var builtins = []string{
	"test", "[", "[[", "echo", "cd", "true", "false", "exit", "command", "printf", "kill", "read", "set", "export", "eval", "exec", "trap", "wait",
	":", ".", "source", "type", "ulimit", "umask", "unset", "local", "return", "shift", "hash", "pwd", "times", "let", "declare",
}

// Missing is the program that a command of a probe or a hook names and that the container does not have: the
// command's own, or, of a shell's, the first that it runs. It is "" where nothing is missing, or
// where that is not known.
func (p *Process) Missing(pass *analysis.Pass, command []string) string {
	if len(command) == 0 || strings.Contains(command[0], "$(") {
		return ""
	}
	if f, known := p.Find(pass, command[0]); f == nil {
		if known {
			return command[0]
		}
		return ""
	}
	if !shells[path.Base(command[0])] {
		return ""
	}
	i := slices.IndexFunc(command, func(a string) bool { return len(a) > 1 && a[0] == '-' && a[1] != '-' && strings.HasSuffix(a, "c") })
	if i < 1 || i+1 >= len(command) {
		return ""
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command[i+1]), "")
	if err != nil || len(file.Stmts) == 0 {
		return ""
	}
	first := file.Stmts[0]
	for {
		b, ok := first.Cmd.(*syntax.BinaryCmd)
		if !ok {
			break
		}
		first = b.X
	}
	call, ok := first.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	name := call.Args[0].Lit()
	if name == "" || slices.Contains(builtins, name) {
		return ""
	}
	if f, known := p.Find(pass, name); f == nil && known {
		return name
	}
	return ""
}
