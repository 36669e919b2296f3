package shutdown

import (
	"fmt"
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/process"
	tareshell "github.com/tareweight/tare/analyzers/facts/shell"
)

// judgeScript judges an entrypoint that is a script of the build context.
func judgeScript(pass *analysis.Pass, p *process1) {
	name := p.args[0]
	if process.IsShell(name) && len(p.args) > 1 && !strings.HasPrefix(p.args[1], "-") {
		name = p.args[1]
	}
	if reInit.MatchString(path.Base(name)) || !path.IsAbs(name) && !strings.Contains(name, "/") {
		return // a program of the PATH
	}
	src := inputs.Fact.Of(pass).Final(pass.Dockerfile.Target, name)
	if src.Path == "" {
		if path.Ext(name) == ".sh" && (src.By != nil || pass.Files != nil) {
			pass.Undecided(script, p.inst, fmt.Sprintf("the script %q cannot be opened: %s", name, src.Reason))
		}
		return
	}
	text, err := pass.ReadFile(src.Path)
	if err != nil || len(text) > tareshell.MaxScript {
		return
	}
	line, _, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(line, "#!") ||
		!process.IsShell(lastWord(line)) && !strings.Contains(line, "sh") {
		return
	}
	f := process.Parse(text)
	if f == nil {
		return
	}
	cmd := staying(f)
	if cmd == "" {
		return
	}
	list := kept(f)
	last := list[len(list)-1]
	at := pass.At(src.Path, int(last.Pos().Line()), int(last.End().Line()))
	pass.Report(analysis.Finding{
		Rule: script, Location: at, Key: src.Path,
		Message: fmt.Sprintf("%s %s stays process 1 while %q runs, and does not pass SIGTERM on: write exec before it",
			p.name, name, cmd),
		Related: []analysis.Related{{Location: p.inst.Location(), Message: "started here"}},
	})
}

// kept are the commands of a script but for one at its end that only keeps the container up behind what served.
func kept(f *syntax.File) []*syntax.Stmt {
	list := f.Stmts
	if cmd, _ := lastCommand(list); cmd == "tail" && len(list) > 1 {
		list = list[:len(list)-1]
	}
	return list
}

// staying is the command that a script ends with while its shell stays process 1; "" where it does not.
func staying(f *syntax.File) string {
	if len(f.Stmts) == 0 || traps(f) {
		return ""
	}
	cmd, arg := lastCommand(kept(f))
	if body := function(f, cmd); body != nil {
		cmd, arg = lastCommand([]*syntax.Stmt{body})
	}
	if !ends(cmd, arg) {
		return ""
	}
	return cmd
}

// ends reports whether a script that ends with this command stays process 1 while
// it runs.
func ends(cmd, arg string) bool {
	return cmd != "exec" && cmd != "" && !reInit.MatchString(path.Base(cmd)) && !reInit.MatchString(path.Base(arg)) &&
		!passes[cmd]
}

// passes are last commands of scripts that only prepare: nothing runs on.
var passes = map[string]bool{
	"exit":   true,
	"return": true,
	"true":   true,
	"source": true,
	".":      true,
	"wait":   true,
	"set":    true,
	"echo":   true,
	"printf": true,
	"export": true,
	"mkdir":  true,
	"chown":  true,
	"chmod":  true,
	"cp":     true,
	"ln":     true,
	"sleep":  true,
}

func lastWord(s string) string {
	words := strings.Fields(s)
	return words[len(words)-1]
}
