package shutdown

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
	"github.com/tareweight/tare/analyzers/python"
)

var stopSignal = &analysis.Rule{
	ID:       "shutdown-stop-signal",
	Title:    "the signal that ends the container makes its server end without waiting for requests",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload,
	Any:      analysis.InputDockerfile | analysis.InputManifest,
}

var reload = &analysis.Rule{
	ID:       "shutdown-uwsgi-reload",
	Title:    "uWSGI reloads on SIGTERM instead of ending",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var celeryCut = &analysis.Rule{
	ID:       "shutdown-celery-cut",
	Title:    "tasks may take longer than the pod has to end",
	Severity: analysis.Note,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var noDrain = &analysis.Rule{
	ID:       "shutdown-no-drain",
	Title:    "a pod behind a Service ends while requests are still sent to it",
	Severity: analysis.Note,
	Unset:    "off",
	Needs:    analysis.InputWorkload,
}

// drains finds containers that a Service sends to and that end at once, while the pod is still among its endpoints.
func drains(pass *analysis.Pass) {
	c := pass.Container
	if !pass.Config.(Config).Drain || c.PreStop != nil || !c.Workload.LongRunning() || !slices.Contains(c.Workload.Containers, c) {
		return
	}
	for _, s := range pass.Services {
		if s.Selects(c.Workload) {
			pass.Reportf(
				noDrain,
				c,
				c.Name,
				"Service %q sends to %q for some seconds after it is told to end: add preStop: {sleep: {seconds: 10}}",
				s.Name,
				c.Name,
			)
			return
		}
	}
}

// stopBy is the signal that ends a container, the pod's before the image's (containerd, container_stop.go), without "SIG"; and
// who says so.
func stopBy(pass *analysis.Pass) (name, by string, at analysis.Location) {
	c := pass.Container
	if c.Stop.Set {
		return strings.TrimPrefix(strings.ToUpper(c.Stop.S), "SIG"), "lifecycle.stopSignal", c.Stop.At
	}
	p := process.Fact.Of(pass)
	name, _, _ = p.StopSignal()
	name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if number, ok := map[string]string{"2": "INT", "3": "QUIT", "9": "KILL", "15": "TERM"}[name]; ok {
		name = number
	}
	return name, "the image's STOPSIGNAL", p.At
}

// quick are the signals on which servers end at once: gunicorn's INT and QUIT (gunicorn, "Signal Handling"), celery's QUIT
// (docs.celeryq.dev, "Stopping the worker").
var quick = map[string][]string{"gunicorn": {"INT", "QUIT"}, "celery": {"QUIT"}}

// signals judges what the container is told when it is to end.
func signals(pass *analysis.Pass, p *process.Process) {
	s := p.Server
	if c := pass.Container; c.Stop.Set && !c.Workload.OS {
		pass.Reportf(stopSignal, c.Stop.At, c.Name+" os", "lifecycle.stopSignal of %q is taken with spec.os.name alone (KEP-4960): "+
			"the API server refuses the pod; add os: {name: linux}", c.Name)
	}
	name, by, at := stopBy(pass)
	if s == nil || name != "KILL" && !slices.Contains(quick[s.Kind], name) {
		return
	}
	if name != "KILL" && p.Shell != "" && !strings.Contains(p.Shell, "exec ") { // the shell may stay, and the server hears nothing
		return
	}
	what := "drops its requests"
	if s.Kind == "celery" {
		what = "drops its tasks"
	}
	f := analysis.Finding{
		Rule: stopSignal, Location: at, Key: pass.Container.Name,
		Message: fmt.Sprintf("%s %q ends %s of %q at once, which %s: leave it out, SIGTERM is what lets it finish",
			by, "SIG"+name, s.Kind, pass.Container.Name, what),
	}
	if _, _, own := p.StopSignal(); own.Line > 0 && !pass.Container.Stop.Set {
		f.Related = append(f.Related, analysis.Related{Location: own, Message: "STOPSIGNAL"})
	}
	pass.Report(f)
}

var (
	reVersion = regexp.MustCompile(`^(\d+)\.(\d+)`)
	reEnds    = regexp.MustCompile(`die-on-term|hook-master-start|emperor`)
	reMaster  = regexp.MustCompile(`(?m)^[ \t"]*(?:-[ \t]*)?master"?[ \t]*[=:][ \t]*(?:true|1|yes|on)\b`)
	reINI     = regexp.MustCompile(`^(?:--ini(?:-paste)?=|--yaml=|--xml=|--json=)?([^=]+\.(?:ini|yaml|yml|xml|json))$`)
)

// uwsgi finds uWSGI as process 1 that nothing tells to end on SIGTERM: before 2.1 it reloads then (uwsgi-docs,
// "ThingsToKnow").
func uwsgi(pass *analysis.Pass, p *process.Process) {
	if len(p.Inner) == 0 || path.Base(p.Inner[0]) != "uwsgi" || p.Shell != "" && !strings.Contains(p.Shell, "exec ") {
		return
	}
	if stop, _, _ := stopBy(pass); stop == "INT" || stop == "QUIT" {
		return
	}
	if _, set, known := p.Env("UWSGI_DIE_ON_TERM"); set || !known || reEnds.MatchString(strings.Join(p.Inner, " ")) {
		return
	}
	for _, name := range []string{"UWSGI_INI", "UWSGI_HOOK_MASTER_START"} {
		if _, set, _ := p.Env(name); set {
			return
		}
	}
	if v := installed(pass, "uwsgi", "pyuwsgi"); v == nil || v[0] > 2 || v[0] == 2 && v[1] > 0 {
		return
	}
	_, master, _ := p.Env("UWSGI_MASTER")
	for i, w := range p.Inner[1:] {
		master = master || w == "--master" || w == "-M" || strings.HasPrefix(w, "--master=")
		m := reINI.FindStringSubmatch(w)
		if m == nil {
			if (w == "--ini" || w == "-c") && i+2 < len(p.Inner) && reINI.MatchString(p.Inner[i+2]) {
				continue // the next word
			}
			if slices.Contains([]string{"--ini", "--yaml", "--xml", "--json"}, strings.SplitN(w, "=", 2)[0]) || strings.HasPrefix(w, "@") {
				return // settings that are not read
			}
			continue
		}
		at := m[1]
		if !path.IsAbs(at) {
			at = path.Join(p.Workdir(pass), at)
		}
		f := pass.Image.Inode(at)
		if f == nil || f.Contents == nil || p.Mounted(pass, at) || reEnds.Match(f.Contents) ||
			strings.Contains(string(f.Contents), "ini =") || strings.Contains(string(f.Contents), "include") {
			return
		}
		master = master || reMaster.Match(f.Contents)
	}
	if !master { // without one it ends at once (measured with 2.0.21)
		return
	}
	pass.Report(analysis.Finding{
		Rule: reload, Location: p.At, Key: pass.Container.Name, Related: p.Made(),
		Message: fmt.Sprintf(
			"uWSGI of %q reloads on SIGTERM instead of ending, and is killed when the grace period is over: set die-on-term = true",
			pass.Container.Name,
		),
	})
}

// installed is the version of a distribution, its first two numbers; nil where it is not known.
func installed(pass *analysis.Pass, names ...string) []int {
	for _, d := range packages.Fact.Of(pass).Distributions() {
		if m := reVersion.FindStringSubmatch(d.Version); slices.Contains(names, python.NormalizeName(d.Name)) && m != nil {
			major, _ := strconv.Atoi(m[1])
			minor, _ := strconv.Atoi(m[2])
			return []int{major, minor}
		}
	}
	return nil
}

// reLate says that a task that was cut is given to another worker.
var reLate = regexp.MustCompile(`(?i)acks_late["']?\s*[=:]\s*True`)

var reTaskLimit = regexp.MustCompile(
	`(?m)^[ \t]*(?:\w+\.conf\.)?(?:task_time_limit|CELERYD?_TASK_TIME_LIMIT)` +
		`\s*=\s*([0-9]+(?:\s*\*\s*[0-9]+)*)\s*(?:#.*)?$`,
)

// celery finds workers whose tasks may take longer than the pod has: a warm shutdown waits for them without end, and the
// kubelet does not.
func celery(pass *analysis.Pass, p *process.Process, limit, hook int64) {
	s, c := p.Server, pass.Container
	if s == nil || s.Kind != "celery" {
		return
	}
	if _, set, known := p.Env("REMAP_SIGTERM"); set || !known {
		return
	}
	longest, from := int64(0), ""
	for i, w := range p.Inner {
		v, ok := strings.CutPrefix(w, "--time-limit=")
		if w == "--time-limit" && i+1 < len(p.Inner) {
			v, ok = p.Inner[i+1], true
		}
		if n, err := strconv.ParseInt(v, 10, 32); ok && err == nil {
			longest, from = n, "--time-limit"
		}
	}
	app := process.Application.Of(pass)
	if f, m := app.Find(reTaskLimit); f != nil && from == "" {
		longest, from = product(string(m[1])), "task_time_limit in /"+f.Path
	}
	late := app.Matches(reLate)
	f := analysis.Finding{Rule: celeryCut, Location: p.At, Key: c.Name, Related: p.Made()}
	switch {
	case longest > limit-hook:
		f.Message = fmt.Sprintf(
			"a task of %q may take %d s (%s), and the pod has %d s to end: SIGKILL cuts it; terminationGracePeriodSeconds: %d",
			c.Name,
			longest,
			from,
			limit-hook,
			longest+hook+20,
		)
		if !late {
			f.Severity = analysis.Warning
		}
	case !c.Workload.Grace.Set && longest == 0:
		why := "the default"
		if hook > 0 {
			why = fmt.Sprintf("30 s by default, of which preStop takes %d", hook)
		}
		f.Message = fmt.Sprintf("celery of %q waits for its running tasks, and the pod has %d s (%s): tasks that take longer are killed; "+
			"set terminationGracePeriodSeconds to what the longest one takes", c.Name, limit-hook, why)
	default:
		return
	}
	pass.Report(f)
}

// product is a product of numbers in seconds; 0 where it is none.
func product(text string) int64 {
	n := int64(1)
	for _, part := range strings.Split(text, "*") {
		v, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		if err != nil || v <= 0 || n > 1e9/v {
			return 0
		}
		n *= v
	}
	return n
}
