// Package process says what a container runs: the words of process 1 as the runtime joins them from
// the image and the pod, and what is known of the server that they start. What cannot be read is
// unknown, and says why.
package process

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Fact holds the process of the target's container; it is nil where there is no container of a pod.
var Fact = &analysis.Fact[*Process]{
	Name: "process",
	Pod:  true,
	Needs: analysis.Needs{Facts: []analysis.AnyFact{Application}, Contents: []analysis.Want{
		{Glob: "**/*entrypoint*", Max: maxScript}, {Glob: "**/gunicorn.conf.py", Max: maxScript}, {Glob: "**/gunicorn_conf.py", Max: maxScript},
		{Glob: "*.sh", Max: maxScript}, {Glob: "app/*.sh", Max: maxScript}, {Glob: "usr/local/bin/*.sh", Max: maxScript},
		{Glob: "etc/passwd", Max: 1 << 20}, {Glob: "**/*uwsgi*.ini", Max: maxScript}, {Glob: "app/*.ini", Max: maxScript},
	}},
	Compute: compute,
}

// maxScript is how many bytes of a script or a server's settings are read.
const maxScript = 64 << 10

// A Process is what a container starts.
type Process struct {
	Argv   []string          // as the runtime runs it; nil where it is not known
	At     analysis.Location // of the first word in the manifest, or else of the container
	Own    analysis.Location // of the Dockerfile's instruction that has the first word; zero where the pod has it, or nobody tells
	Why    string            // why it is not known
	Shell  string            // the script, where a shell runs one ("sh -c"): its words are those of Argv's last
	Inner  []string          // Argv without an init, a shell with one command, and runners such as "uv run"; nil where it is not known
	Text   string            // all that the image and the pod say of it: words, and the script that they run
	Server *Server           // nil where Inner starts none that is known
	Others bool              // a script starts other programs beside it, which may serve too

	env map[string]analysis.EnvVar
	pod map[string]analysis.EnvVar // the pod's
	all bool                       // env has all: no Secret or ConfigMap sets others

	ofImage      []analysis.EnvVar // that the image sets, and the pod does not, by name
	user, signal setting           // of the image

	once    sync.Once // of Program
	program *Program
	unread  string
}

// By is where its words are, for a finding that is not there: the instruction of the Dockerfile, or the pod's.
func (p *Process) By() []analysis.Related {
	at := p.At
	if p.Own.Line > 0 {
		at = p.Own
	}
	return []analysis.Related{{Location: at, Message: "its command"}}
}

// Made is By where the Dockerfile has the words, and else nil: for a finding where the pod's would be.
func (p *Process) Made() []analysis.Related {
	if p.Own.Line == 0 {
		return nil
	}
	return p.By()
}

// User is who the image runs as, "" being root, and the instruction that says so; known is false where that is not known.
func (p *Process) User() (name string, known bool, at analysis.Location) {
	return p.user.value, p.user.known, p.user.at
}

// StopSignal is what the image wants to be ended by, "" being SIGTERM, and the instruction that says so; known is false where
// that is not known.
func (p *Process) StopSignal() (name string, known bool, at analysis.Location) {
	return p.signal.value, p.signal.known, p.signal.at
}

// Env returns a variable of the container's environment: the pod's before the image's. Known is false
// where what sets it is not readable, and set where it may be.
func (p *Process) Env(name string) (value string, set, known bool) {
	v, ok := p.env[name]
	if !ok {
		return "", false, p.all
	}
	return v.Value, true, v.Known
}

// Process 1 where neither the pod nor the image can say it.
const noImage = "the container's image is not read: --image NAME=REF names it"

func compute(pass *analysis.Pass) (*Process, error) {
	c := pass.Container
	if c == nil {
		return nil, nil
	}
	p := &Process{env: map[string]analysis.EnvVar{}, pod: map[string]analysis.EnvVar{}, At: c.At}
	im := imageOf(pass)
	if im != nil {
		p.user, p.signal = im.user, im.signal
	}
	p.variables(c, im)
	p.argv(c, im)
	if p.Argv == nil {
		return p, nil
	}
	size := 0
	for _, w := range p.Argv {
		size += len(w)
	}
	if size > maxScript {
		p.Argv, p.Why = nil, "the command is longer than is read"
		return p, nil
	}
	p.Text = strings.Join(p.Argv, " ")
	p.Inner = p.unwrap(pass, p.Argv, 0)
	if p.Inner != nil {
		p.Server = p.server(pass)
	}
	return p, nil
}

// argv joins the pod's words with the image's (containerd, WithProcessArgs): a command of the pod replaces
// ENTRYPOINT and CMD, args alone replace CMD.
func (p *Process) argv(c *analysis.Container, im *image) {
	add := func(list []analysis.Text) {
		for _, w := range list {
			if len(p.Argv) == 0 {
				p.At = w.At
			}
			text, _ := p.substitute(w.S)
			p.Argv = append(p.Argv, text)
		}
	}
	if c.Command != nil {
		add(c.Command)
		add(c.Args)
		return
	}
	if im == nil {
		p.Why = noImage
		return
	}
	if p.Why = im.why; p.Why != "" {
		return
	}
	own := func(w *words) {
		if w == nil {
			return
		}
		if len(p.Argv) == 0 && len(w.list) > 0 {
			p.Own = w.at
		}
		p.Argv = append(p.Argv, w.list...)
	}
	own(im.entrypoint)
	if c.Args != nil {
		add(c.Args)
	} else {
		own(im.cmd)
	}
	if len(p.Argv) == 0 {
		p.Why = "neither the pod nor the image names a command"
	}
}

var reSubstitute = regexp.MustCompile(`\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

var shells = map[string]bool{"sh": true, "dash": true, "bash": true, "ash": true}

// IsShell reports whether a word of a command is the program of a shell.
func IsShell(word string) bool { return shells[path.Base(word)] }

// Script is where the text that a shell runs stands among its words: behind -c, or options that end with it; 0
// where the words run none.
func Script(words []string) int {
	if len(words) == 0 || !IsShell(words[0]) {
		return 0
	}
	i := slices.IndexFunc(words, func(w string) bool { return len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.HasSuffix(w, "c") })
	if i < 1 || i+1 >= len(words) {
		return 0
	}
	return i + 1
}

// inits start one program and pass signals on.
var inits = map[string]bool{"tini": true, "tini-static": true, "dumb-init": true, "catatonit": true, "docker-init": true}

// IsInit reports whether a word of a command is one of those.
func IsInit(word string) bool { return inits[path.Base(word)] }

// maxUnwrap is how many programs that start others are seen through.
const maxUnwrap = 8

// unwrap is the program that words start in the end; nil where that is not known.
func (p *Process) unwrap(pass *analysis.Pass, argv []string, depth int) []string {
	if len(argv) == 0 || depth > maxUnwrap || slices.ContainsFunc(argv, func(w string) bool { return strings.Contains(w, "$(") }) {
		return nil
	}
	name := path.Base(argv[0])
	switch {
	case inits[name]:
		rest := argv[1:]
		for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
			stop := rest[0] == "--"
			if rest = rest[1:]; stop {
				break
			}
		}
		return p.unwrap(pass, rest, depth+1)
	case IsShell(name):
		return p.shell(pass, argv, depth)
	case name == "exec" || name == "nice" && len(argv) == 2 || name == "env" && len(argv) > 1 && !strings.HasPrefix(argv[1], "-"):
		rest := argv[1:]
		for name == "env" && len(rest) > 0 && strings.Contains(rest[0], "=") {
			k, v, _ := strings.Cut(rest[0], "=")
			p.env[k] = analysis.EnvVar{Name: k, Value: v, Known: true, At: p.At}
			rest = rest[1:]
		}
		return p.unwrap(pass, rest, depth+1)
	case (name == "poetry" || name == "uv" || name == "pipenv" || name == "pdm" || name == "hatch") && len(argv) > 2 && argv[1] == "run":
		rest := argv[2:]
		for len(rest) > 0 && strings.HasPrefix(rest[0], "--") && rest[0] != "--" {
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0] == "--" {
			rest = rest[1:]
		}
		return p.unwrap(pass, rest, depth+1)
	case name == "opentelemetry-instrument" || name == "ddtrace-run" || name == "newrelic-admin":
		i := slices.IndexFunc(argv[1:], func(w string) bool { return servers[path.Base(w)] || strings.HasPrefix(path.Base(w), "python") })
		if i < 0 {
			return nil
		}
		return p.unwrap(pass, argv[1+i:], depth+1)
	}
	if text, ok := p.scriptText(pass, argv[0]); ok { // an entrypoint that ends by running its arguments
		p.Text += "\n" + text
		if f := Parse(text); f != nil {
			p.prepared(f)
		} else {
			p.forget()
		}
		if reExecArgs.MatchString(text) && len(argv) > 1 && !reSetArgs.MatchString(text) {
			return p.unwrap(pass, argv[1:], depth+1)
		}
		return nil
	}
	return argv
}

var (
	reExecArgs = regexp.MustCompile(`(?m)^\s*exec\s+(?:tini\s+(?:-\S+\s+)*|gosu\s+\S+\s+|su-exec\s+\S+\s+)?"\$@"\s*$`)
	reSetArgs  = regexp.MustCompile(`(?m)^\s*(?:set\s+--|shift)`)
)

// scriptText is the text of the script that a word runs, where it is kept.
func (p *Process) scriptText(pass *analysis.Pass, word string) (string, bool) {
	f := p.File(pass, word)
	if f == nil || f.Kind != analysis.KindScript || f.Contents == nil {
		return "", false
	}
	head, _, _ := strings.Cut(string(f.Contents), "\n")
	if !strings.Contains(head, "sh") { // of another language
		return "", false
	}
	return string(f.Contents), true
}

// File is the file of the image that a word of a command runs; nil where it is not there, or where that is
// not known.
func (p *Process) File(pass *analysis.Pass, word string) *analysis.File {
	if !pass.HasFiles() {
		return nil
	}
	f, _ := p.Find(pass, word)
	return f
}

// Find looks for the program of a word as the runtime does: by the PATH of the container's environment, below
// its working directory where it is relative. Known is false where a volume, or a variable that cannot
// be read, may hold it.
func (p *Process) Find(pass *analysis.Pass, word string) (f *analysis.File, known bool) {
	if !pass.HasFiles() {
		return nil, false
	}
	dirs := []string{""}
	switch {
	case path.IsAbs(word):
	case strings.Contains(word, "/"):
		dirs = []string{p.Workdir(pass)}
	default:
		value, set, ok := p.Env("PATH")
		if set && !ok {
			return nil, false
		}
		if !set {
			value = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
		}
		dirs = strings.Split(value, ":")
	}
	known = true
	for _, dir := range dirs {
		at := path.Join("/", dir, word)
		if p.Mounted(pass, at) {
			known = false
			continue
		}
		if f := pass.Image.Inode(at); f != nil && !f.Mode.IsDir() {
			return f, true
		}
	}
	return nil, known
}

// Workdir is the working directory of process 1.
func (p *Process) Workdir(pass *analysis.Pass) string {
	if w := pass.Container.Workdir; w.Set {
		return path.Join("/", w.S)
	}
	if pass.Image != nil && pass.Image.Config != nil {
		return path.Join("/", pass.Image.Config.Config.WorkingDir)
	}
	return "/"
}

// Mounted reports whether a volume lies over a directory, or over one that it is in.
func (p *Process) Mounted(pass *analysis.Pass, dir string) bool {
	for _, m := range pass.Container.Mounts {
		mount := path.Join("/", m.Path)
		if dir == mount || strings.HasPrefix(dir, strings.TrimSuffix(mount, "/")+"/") {
			return true
		}
	}
	return false
}

// Parse reads the text of a shell; nil where it is none, or longer than a script may be: the parser's stack grows with what it reads.
func Parse(text string) *syntax.File {
	if len(text) > maxScript {
		return nil
	}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil
	}
	return f
}

// shell sees through a shell that runs one command, or nothing but assignments and what sets options before it.
func (p *Process) shell(pass *analysis.Pass, argv []string, depth int) []string {
	i := Script(argv)
	if i == 0 {
		if len(argv) == 2 && !strings.HasPrefix(argv[1], "-") { // sh script
			if text, ok := p.scriptText(pass, argv[1]); ok {
				p.Text += "\n" + text
			}
		}
		return nil
	}
	if p.Shell == "" {
		p.Shell = argv[i]
	}
	file := Parse(argv[i])
	if file == nil || len(file.Stmts) == 0 {
		return nil
	}
	p.prepared(file)
	last := file.Stmts[len(file.Stmts)-1]
	for {
		b, ok := last.Cmd.(*syntax.BinaryCmd)
		if !ok || b.Op != syntax.AndStmt {
			break
		}
		last = b.Y
	}
	call, ok := last.Cmd.(*syntax.CallExpr)
	if !ok || last.Background || len(call.Args) == 0 {
		return nil
	}
	var words []string
	for _, w := range call.Args {
		text, known := p.word(w)
		if !known {
			return nil
		}
		words = append(words, text)
	}
	return p.unwrap(pass, words, depth+1)
}

// word is a word of a shell command, variables put in; known is false where one is not.
func (p *Process) word(w *syntax.Word) (string, bool) {
	var b strings.Builder
	var parts func(list []syntax.WordPart, quoted bool) bool
	parts = func(list []syntax.WordPart, quoted bool) bool {
		for _, part := range list {
			switch x := part.(type) {
			case *syntax.Lit:
				b.WriteString(strings.ReplaceAll(x.Value, `\`, ""))
			case *syntax.SglQuoted:
				b.WriteString(x.Value)
			case *syntax.DblQuoted:
				if !parts(x.Parts, true) {
					return false
				}
			case *syntax.ParamExp:
				value, set, known := p.Env(x.Param.Value)
				switch {
				case x.Index != nil || x.Slice != nil || x.Repl != nil || x.Excl || x.Length ||
					x.Exp != nil && x.Exp.Op != syntax.DefaultUnset && x.Exp.Op != syntax.DefaultUnsetOrNull:
					return false
				case set && known && value != "":
					if !quoted && strings.ContainsAny(value, " \t\n*?[") { // the shell makes other words of it
						return false
					}
					b.WriteString(value)
				case known && x.Exp != nil && x.Exp.Word != nil:
					text, ok := p.word(x.Exp.Word)
					if !ok {
						return false
					}
					b.WriteString(text)
				default:
					return false
				}
			default:
				return false
			}
		}
		return true
	}
	ok := parts(w.Parts, false)
	return b.String(), ok && b.Len() <= maxValue
}
