package shutdown

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

var hookMissing = &analysis.Rule{
	ID:       "shutdown-hook-missing",
	Title:    "a lifecycle hook runs a program that the image does not have",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var hookBudget = &analysis.Rule{
	ID:       "shutdown-hook-budget",
	Title:    "the preStop hook takes the whole grace period",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload,
}

var graceShort = &analysis.Rule{
	ID:       "shutdown-grace-short",
	Title:    "the grace period ends before the server's own",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload,
	Any:      analysis.InputDockerfile | analysis.InputFiles,
}

// grace is a pod's default (kubernetes/api, core/v1/types.go).
const grace = 30

// pod judges how the container of a pod ends.
func pod(pass *analysis.Pass) {
	c := pass.Container
	p := process.Fact.Of(pass)
	limit := c.Workload.Grace.Or(grace)
	stated := fmt.Sprintf("grace is %d s", limit)
	if !c.Workload.Grace.Set {
		stated += " (the default)"
	}
	hook, known := slept(c.PreStop)
	if known && hook > 0 && limit > 0 && hook >= limit-2 {
		pass.Report(analysis.Finding{
			Rule: hookBudget, Location: c.PreStop.At, Key: c.Name,
			Message: fmt.Sprintf("preStop of %q sleeps %d s and %s: the server is killed 2 s after it is told to end; "+
				"terminationGracePeriodSeconds: %d",
				c.Name, hook, stated, hook+35),
		})
	} else if known && hook > 0 && p.Server != nil && p.Server.Drain > 0 && hook+p.Server.Drain > limit {
		pass.Report(analysis.Finding{
			Rule: graceShort, Location: c.PreStop.At, Key: c.Name,
			Message: fmt.Sprintf("preStop of %q sleeps %d s, %s waits up to %d s for requests, and %s: SIGKILL cuts them after %d s; "+
				"terminationGracePeriodSeconds: %d",
				c.Name, hook, p.Server.Kind, p.Server.Drain, stated, limit-hook, hook+p.Server.Drain+5),
		})
	} else if c.PreStop == nil && p.Server != nil && p.Server.Told && p.Server.Drain > limit {
		at := p.At
		if c.Workload.Grace.Set {
			at = c.Workload.Grace.At
		}
		pass.Report(analysis.Finding{
			Rule: graceShort, Location: at, Key: c.Name, Related: p.By(),
			Message: fmt.Sprintf("%s of %q is told to wait up to %d s for requests, and %s: SIGKILL cuts them after that; "+
				"terminationGracePeriodSeconds: %d", p.Server.Kind, c.Name, p.Server.Drain, stated, p.Server.Drain+5),
		})
	}
	if pass.HasFiles() {
		for _, h := range []struct {
			name    string
			handler *analysis.Handler
			lost    string
		}{
			{"preStop", c.PreStop, "it fails, and the container is told to end at once"},
			{"postStart", c.PostStart, "it fails, and the container is killed"},
		} {
			if h.handler == nil || h.handler.Kind != "exec" {
				continue
			}
			if name := p.Missing(pass, h.handler.Command); name != "" {
				remedy := "use a program that is there"
				if name == "sleep" {
					remedy = fmt.Sprintf("use %s: {sleep: {seconds: %s}} (Kubernetes 1.30)", h.name,
						lastWord(strings.Join(append([]string{"10"}, h.handler.Command[1:]...), " ")))
				}
				pass.Report(analysis.Finding{
					Rule: hookMissing, Location: h.handler.At, Key: c.Name + " " + h.name,
					Message: fmt.Sprintf("%s of %q runs %q, which the image does not have: %s; %s", h.name, c.Name, name, h.lost, remedy),
				})
			}
		}
	}
	drains(pass)
	signals(pass, p)
	if c.Workload.LongRunning() {
		podShell(pass, p)
		if pass.HasFiles() {
			ignores(pass, p)
			uwsgi(pass, p)
			celery(pass, p, limit, hook)
		}
	}
}

// slept is how many seconds a hook waits, where it does nothing else.
func slept(h *analysis.Handler) (int64, bool) {
	switch {
	case h == nil:
		return 0, false
	case h.Kind == "sleep":
		return max(0, h.Seconds.N), h.Seconds.Set
	case h.Kind != "exec":
		return 0, false
	}
	words := h.Command
	if len(words) == 3 && process.Script(words) == 2 {
		words = strings.Fields(words[2])
	}
	if len(words) != 2 || path.Base(words[0]) != "sleep" {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(words[1], "s"), 10, 32)
	if err != nil || n < 0 {
		return 0, false
	}
	return n, true
}

// reByArgs is a condition on what a script is given.
var reByArgs = regexp.MustCompile(`(?m)(?:^|[;&|]|\bthen\b|\bdo\b)\s*(?:if|elif|case|while|\[|\[\[|test)\s.*\$\{?[0-9@*#]`)

// kills reports whether a hook may end the server itself, so that the shell above it need not.
func kills(h *analysis.Handler) bool {
	return h != nil && h.Kind == "exec" && slices.ContainsFunc(h.Command, func(w string) bool { return strings.Contains(w, "kill") })
}

// belowTini are the words that tini starts, where it passes signals to nothing but them (github.com/krallin/tini, "-g").
func belowTini(argv []string) (words []string, tini bool) {
	if name := path.Base(argv[0]); name != "tini" && name != "tini-static" {
		return argv, false
	}
	for i, w := range argv[1:] {
		switch {
		case w == "--":
			return argv[i+2:], true
		case !strings.HasPrefix(w, "-"):
			return argv[i+1:], true
		case w == "-g" || w == "-p" || w == "-e": // it reaches all, or the option has a value
			return argv, false
		}
	}
	return argv, false
}

// podShell judges process 1 of the pod: as the pod's command and the image together have it.
func podShell(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	if len(p.Argv) == 0 || p.Own.Line > 0 || kills(c.PreStop) {
		return // the Dockerfile's own are judged there
	}
	words, tini := belowTini(p.Argv)
	if i := process.Script(words); i > 0 {
		if c.Workload.SharedProcesses {
			pass.Undecided(shell, p.At, "shareProcessNamespace: process 1 is not the container's")
			return
		}
		name := "the image's command"
		if c.Command != nil {
			name = "command"
		} else if c.Args != nil {
			name = "args"
		}
		judgeText(pass, started{
			at: p.At, name: name, key: c.Name, text: words[i], sh: words[:i], form: `command: ["program", "argument"]`, tini: tini,
		})
		return
	}
	if !pass.HasFiles() {
		return
	}
	word := p.Argv[0]
	if process.IsShell(word) && len(p.Argv) > 1 && !strings.HasPrefix(p.Argv[1], "-") {
		word = p.Argv[1]
	}
	f := p.File(pass, word)
	if f == nil || f.Kind != analysis.KindScript || f.Contents == nil {
		return
	}
	text := string(f.Contents)
	if c.Workload.SharedProcesses {
		pass.Undecided(script, p.At, "shareProcessNamespace: process 1 is not the container's")
		return
	}
	if reByArgs.MatchString(text) { // which of its branches is taken is not known
		return
	}
	line, _, _ := strings.Cut(text, "\n")
	if !process.IsShell(lastWord(line)) && !strings.Contains(line, "sh") {
		return
	}
	file := process.Parse(text)
	if file == nil {
		return
	}
	cmd := staying(file)
	if cmd == "" || !servers[path.Base(cmd)] && !strings.HasPrefix(path.Base(cmd), "python") {
		return
	}
	pass.Report(analysis.Finding{
		Rule: script, Location: p.At, Key: c.Name + " " + word,
		Message: fmt.Sprintf("%q stays process 1 of %q while %q runs, and does not pass SIGTERM on: write exec before it", word, c.Name, cmd),
		Related: append(p.Made(), analysis.Related{Location: f.Location(), Message: "the script"}),
	})
}
