package runtime

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

// writable reports whether a process of the container may write to a directory though its root is read-only: a volume lies over it, of
// the pod or of the image (containerd mounts those writable), or it is /dev/shm.
func writable(pass *analysis.Pass, dir string) bool {
	dir = path.Join("/", dir)
	if dir == "/dev/shm" || strings.HasPrefix(dir, "/dev/shm/") {
		return true
	}
	inside := func(mount string) bool {
		mount = path.Join("/", mount)
		return dir == mount || strings.HasPrefix(dir, strings.TrimSuffix(mount, "/")+"/")
	}
	if slices.ContainsFunc(pass.Container.Mounts, func(m analysis.Mount) bool { return !m.ReadOnly && inside(m.Path) }) {
		return true
	}
	for volume := range pass.Image.Config.Config.Volumes {
		if inside(volume) {
			return true
		}
	}
	return false
}

// write finds what a program writes where a read-only root lets nobody.
func write(pass *analysis.Pass, p *process.Process) {
	if !pass.Container.Security.ReadOnly {
		return
	}
	if s := p.Server; s != nil && s.Kind == "gunicorn" && !s.Conf {
		temporary(pass, p)
		pidfile(pass, p)
	}
	schedule(pass, p)
	metrics(pass, p)
}

// temporary is for gunicorn, each of whose workers makes a temporary file (gunicorn, workers/workertmp.py, by Python's tempfile).
func temporary(pass *analysis.Pass, p *process.Process) {
	c, s := pass.Container, p.Server
	where, mount := "a temporary directory", "/tmp"
	if s.Tmp != "" {
		if writable(pass, s.Tmp) {
			return
		}
		where, mount = fmt.Sprintf("%q (worker_tmp_dir)", s.Tmp), s.Tmp
	} else {
		for _, name := range []string{"TMPDIR", "TEMP", "TMP"} {
			v, set, known := p.Env(name)
			if !known || set && writable(pass, v) {
				return
			}
		}
		if slices.ContainsFunc(p.Inner, func(w string) bool { return strings.HasPrefix(w, "--chdir") }) {
			return // the last place where Python looks is another
		}
		for _, dir := range []string{"/tmp", "/var/tmp", "/usr/tmp", p.Workdir(pass)} {
			if writable(pass, dir) {
				return
			}
		}
	}
	pass.Report(analysis.Finding{
		Rule: readonly, Location: c.Security.ReadAt, Key: c.Name,
		Message: fmt.Sprintf("the root of %q is read-only, and gunicorn's workers need %s: none starts; mount an emptyDir on %s, "+
			"or give --worker-tmp-dir /dev/shm", c.Name, where, mount),
		Related: p.By(),
	})
}

// pidfile is for gunicorn, which writes its process's number where it is told to, and ends where it cannot (gunicorn, pidfile.py).
func pidfile(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	file := ""
	for i, w := range p.Inner {
		v, ok := strings.CutPrefix(w, "--pid=")
		if (w == "-p" || w == "--pid") && i+1 < len(p.Inner) {
			v, ok = p.Inner[i+1], true
		}
		if ok {
			file = v
		}
	}
	if !path.IsAbs(file) || writable(pass, path.Dir(file)) {
		return
	}
	pass.Report(analysis.Finding{
		Rule: readonly, Location: c.Security.ReadAt, Key: c.Name + " pid", Related: p.By(),
		Message: fmt.Sprintf("the root of %q is read-only, and gunicorn writes %q (--pid): it ends at once; "+
			"leave it out, or mount an emptyDir there", c.Name, file),
	})
}

// schedule is for celery's beat, alone or in a worker (-B), which keeps a file in its working directory unless it is told another place
// (docs.celeryq.dev, "Periodic Tasks").
func schedule(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	words := p.Inner
	if len(words) < 2 || path.Base(words[0]) != "celery" ||
		!slices.Contains(words, "beat") && !(slices.Contains(words, "worker") && slices.Contains(words, "-B")) {
		return
	}
	file := "celerybeat-schedule"
	for i, w := range words {
		v, ok := strings.CutPrefix(w, "--schedule=")
		if (w == "-s" || w == "--schedule") && i+1 < len(words) {
			v, ok = words[i+1], true
		}
		if ok {
			file = v
		}
		if w == "-S" || strings.HasPrefix(w, "--scheduler") || w == "--workdir" || strings.HasPrefix(w, "--workdir=") {
			return // another scheduler keeps none, or another directory
		}
	}
	if !path.IsAbs(file) {
		file = path.Join(p.Workdir(pass), file)
	}
	if writable(pass, path.Dir(file)) || scheduled(pass) {
		return
	}
	pass.Report(analysis.Finding{
		Rule: readonly, Location: c.Security.ReadAt, Key: c.Name + " beat",
		Message: fmt.Sprintf(
			"the root of %q is read-only, and celery's beat keeps %q: it ends at once; mount a volume there, or give --schedule with a path on one",
			c.Name,
			file,
		),
		Related: p.By(),
	})
}

// reSchedule is what settings say of another scheduler, or of another place for its file.
var reSchedule = regexp.MustCompile(`(?i)beat_?scheduler|beat_?schedule_?filename|DatabaseScheduler|redbeat`)

// scheduled reports whether the application's own settings may say where beat keeps what it does, or that it keeps nothing.
func scheduled(pass *analysis.Pass) bool {
	app := process.Application.Of(pass)
	return !app.Whole || app.Matches(reSchedule)
}

// metrics is for prometheus_client, whose processes write to the directory of PROMETHEUS_MULTIPROC_DIR.
func metrics(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	dir, set, known := p.Env("PROMETHEUS_MULTIPROC_DIR")
	if p.Server == nil || !set || !known || dir == "" || !path.IsAbs(dir) || writable(pass, dir) {
		return
	}
	pass.Report(analysis.Finding{
		Rule: readonly, Severity: analysis.Warning, Location: c.Security.ReadAt, Key: c.Name + " metrics",
		Message: fmt.Sprintf(
			"the root of %q is read-only, and prometheus_client writes to %q (PROMETHEUS_MULTIPROC_DIR): mount an emptyDir there",
			c.Name,
			dir,
		),
	})
}
