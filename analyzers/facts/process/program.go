package process

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A Program is the application's own Python, where process 1 is the interpreter that runs it.
type Program struct {
	Main string // the file, as the command names it
	Text string // of all its modules
	// Foreign is a module that is not the application's, and of which is not known what it does with signals;
	// "" where there is none.
	Foreign string
}

// reHandles is what a program says that handles SIGTERM, or leaves it to what runs it.
var reHandles = regexp.MustCompile(`(?i)\bsignals?\b|sigterm|add_signal_handler`)

// Handles reports whether its text speaks of signals.
func (g *Program) Handles() bool { return reHandles.MatchString(g.Text) }

// Limits of a program that is read.
const (
	maxModules = 300
	maxSource  = 4 << 20
)

//go:embed quiet.tsv
var quietTable string

// quiet are modules that install no handler of signals.
var quiet = analysis.Words(quietTable)

var (
	reImport  = regexp.MustCompile(`(?m)^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import\b|import[ \t]+([^\n#;]+))`)
	reDynamic = regexp.MustCompile(`\b(?:importlib|__import__|runpy|exec\s*\(|execv|execl)`)
)

// Program reads the program of process 1. It is nil where process 1 is anything else, or is not known whole; why
// says so then, "" where there is nothing to say.
func (p *Process) Program(pass *analysis.Pass) (program *Program, why string) {
	if p == nil {
		return nil, ""
	}
	p.once.Do(func() { p.program, p.unread = p.interpreted(pass) })
	return p.program, p.unread
}

func (p *Process) interpreted(pass *analysis.Pass) (program *Program, why string) {
	if p.Server != nil || len(p.Argv) < 2 || !strings.HasPrefix(path.Base(p.Argv[0]), "python") || !pass.HasFiles() {
		return nil, ""
	}
	args := p.Argv[1:]
	for len(args) > 0 && (args[0] == "-u" || args[0] == "-B" || args[0] == "-O" || args[0] == "-OO") {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil, ""
	}
	var root, main string
	switch {
	case args[0] == "-m" && len(args) > 1:
		root = p.Workdir(pass)
		module := path.Join(root, strings.ReplaceAll(args[1], ".", "/"))
		if main = module + "/__main__.py"; pass.Image.Inode(main) == nil {
			main = module + ".py"
		}
	case strings.HasSuffix(args[0], ".py"):
		main = args[0]
		if !path.IsAbs(main) {
			main = path.Join(p.Workdir(pass), main)
		}
		root = path.Dir(main)
	default:
		return nil, ""
	}
	if root == "/" || p.Mounted(pass, root) || pass.Image.Inode(main) == nil {
		return nil, ""
	}
	program = &Program{Main: strings.TrimPrefix(strings.Join(args[:min(2, len(args))], " "), "-m ")}
	if args[0] != "-m" {
		program.Main = args[0]
	}
	if why := program.read(pass, strings.TrimPrefix(root, "/")+"/"); why != "" {
		return nil, why
	}
	return program, ""
}

// read reads the modules below a directory; why it cannot is why.
func (g *Program) read(pass *analysis.Pass, root string) (why string) {
	var b strings.Builder
	own := map[string]bool{}
	n := 0
	for name, f := range pass.Image.Files() {
		rest, ok := strings.CutPrefix(name, root)
		if !ok || !strings.HasSuffix(name, ".py") || strings.Contains(name, "-packages/") || strings.Contains("/"+rest, "/.") {
			continue
		}
		first, _, _ := strings.Cut(rest, "/")
		own[strings.TrimSuffix(first, ".py")] = true
		if n++; f.Contents == nil && f.Size > 0 || !f.Mode.IsRegular() {
			return fmt.Sprintf("the source %q is not read", "/"+name)
		}
		if n > maxModules || b.Len()+len(f.Contents) > maxSource {
			return "the program has more source than is read"
		}
		b.Write(f.Contents)
		b.WriteString("\n")
	}
	g.Text = b.String()
	if reDynamic.MatchString(g.Text) {
		return "the program loads what its text does not name"
	}
	for _, m := range reImport.FindAllStringSubmatch(g.Text, -1) {
		names := []string{m[1]}
		if m[1] == "" {
			names = strings.Split(m[2], ",")
		}
		for _, name := range names {
			fields := strings.FieldsFunc(strings.TrimSpace(name), func(r rune) bool { return r == '.' || r == ' ' || r == '\r' || r == '\t' })
			if len(fields) > 0 && !own[fields[0]] && !quiet[fields[0]] && g.Foreign == "" {
				g.Foreign = fields[0]
			}
		}
	}
	return ""
}
