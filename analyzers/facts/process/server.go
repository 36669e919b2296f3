package process

import (
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A Server is a program that serves a port, or works off a queue, and what of its settings is known: by
// the precedence of each server's own source.
type Server struct {
	Kind  string // "gunicorn", "uvicorn", "fastapi run", "hypercorn", "granian", "flask run", "runserver", "celery", "rq", "dramatiq", "arq"
	Host  string // that it listens on; "" where it is not known
	Port  string // "" where it is not known
	By    string // what says Host: "its default", "--host"
	Drain int64  // seconds that it lets requests end in at most; -1: no limit; -2: not known
	Told  bool   // an option or a file says Drain
	Tmp   string // gunicorn's worker_tmp_dir; "" where none is set
	Conf  bool   // settings of it are in a file that cannot be read: what it may set is not known

	Workers int64  // processes that serve; 0 where it is not known
	Count   string // what says Workers: "its default", "--workers"
	Node    string // what makes as many of them as the node has processors, such as "cpu_count() in gunicorn.conf.py"; "" if nothing does
}

// Silent reports whether it works off a queue, and listens on no port.
func (s *Server) Silent() bool {
	return s.Kind == "celery" || s.Kind == "rq" || s.Kind == "dramatiq" || s.Kind == "arq"
}

// Loopback reports whether it listens where no other host reaches it.
func (s *Server) Loopback() bool {
	return s.Host == "127.0.0.1" || s.Host == "localhost" || s.Host == "::1" || s.Host == "[::1]"
}

var servers = map[string]bool{
	"gunicorn": true, "uvicorn": true, "hypercorn": true, "granian": true, "fastapi": true, "flask": true, "celery": true,
}

// options are the values that words give an option of one of those names, in order.
func options(argv []string, names ...string) (values []string) {
	for i, w := range argv {
		for _, n := range names {
			switch {
			case w == n && i+1 < len(argv):
				values = append(values, argv[i+1])
			case strings.HasPrefix(n, "--") && strings.HasPrefix(w, n+"="):
				values = append(values, w[len(n)+1:])
			case !strings.HasPrefix(n, "--") && len(w) > 2 && strings.HasPrefix(w, n) && !strings.HasPrefix(w, "--"):
				values = append(values, w[2:])
			}
		}
	}
	return values
}

// option is the last value that words give an option of one of those names; false where they give none.
func option(argv []string, names ...string) (value string, ok bool) {
	if values := options(argv, names...); len(values) > 0 {
		return values[len(values)-1], true
	}
	return "", false
}

// server reads the server that the process starts; nil where it starts none that is known.
func (p *Process) server(pass *analysis.Pass) *Server {
	argv := p.Inner
	name := path.Base(argv[0])
	if strings.HasPrefix(name, "python") || name == "pypy3" {
		rest := argv[1:]
		for len(rest) > 0 && (rest[0] == "-u" || rest[0] == "-O" || rest[0] == "-B") {
			rest = rest[1:]
		}
		switch {
		case len(rest) > 1 && rest[0] == "-m":
			name, argv = rest[1], rest[1:]
		case len(rest) > 1 && path.Base(rest[0]) == "manage.py" && rest[1] == "runserver":
			return p.runserver(rest[2:])
		default:
			return nil
		}
	}
	if len(argv) > 1 && name == "manage.py" && argv[1] == "runserver" {
		return p.runserver(argv[2:])
	}
	switch name {
	case "gunicorn":
		if slices.Contains(argv, "--check-config") || slices.Contains(argv, "--version") || slices.Contains(argv, "--print-config") {
			return nil // it serves nothing
		}
		return p.gunicorn(pass, argv)
	case "uvicorn":
		return p.byOptions("uvicorn", argv, "UVICORN_", -1)
	case "granian":
		return p.byOptions("granian", argv, "GRANIAN_", -1)
	case "hypercorn":
		s := &Server{Kind: "hypercorn", Host: "127.0.0.1", Port: "8000", By: "its default", Drain: 3}
		p.workers(s, argv, "", "-w", "--workers")
		if _, conf := option(argv, "-c", "--config"); conf {
			s.Host, s.Port, s.Conf, s.Drain, s.Workers = "", "", true, -2, 0
		}
		s.binds(options(argv, "-b", "--bind"), "--bind")
		if len(options(argv, "--insecure-bind", "--quic-bind")) > 0 {
			s.Host, s.Port = "", ""
		}
		if v, ok := option(argv, "--graceful-timeout"); ok {
			s.Drain, s.Told = seconds(v), true
		}
		return s
	case "fastapi":
		if len(argv) < 2 || argv[1] != "run" && argv[1] != "dev" {
			return nil
		}
		s := &Server{Kind: "fastapi " + argv[1], Host: "0.0.0.0", Port: "8000", By: "its default", Drain: -1}
		if argv[1] == "dev" {
			s.Host = "127.0.0.1"
		}
		p.override(s, argv, "--host", "", "--port", "PORT")
		p.workers(s, argv, "", "--workers")
		return s
	case "flask":
		at := -1
		for i, w := range argv {
			if w == "run" {
				at = i
			}
		}
		if at < 0 {
			return nil
		}
		s := &Server{Kind: "flask run", Host: "127.0.0.1", Port: "5000", By: "its default", Drain: -2}
		p.override(s, argv[at:], "--host", "FLASK_RUN_HOST", "--port", "FLASK_RUN_PORT")
		if h, ok := option(argv[at:], "-h"); ok {
			s.Host, s.By = h, "-h"
		}
		if port, ok := option(argv[at:], "-p"); ok {
			s.Port = port
		}
		if p.dotenv(pass) {
			s.Host, s.Port = "", ""
		}
		return s
	case "rq", "dramatiq", "arq": // workers off a queue
		if name != "rq" || len(argv) > 1 && (argv[1] == "worker" || argv[1] == "worker-pool") {
			return &Server{Kind: name, Drain: -2}
		}
	case "celery":
		if subcommand(argv) == "worker" {
			return p.celery(argv)
		}
	}
	return nil
}

// byOptions is a server that takes --host and --port, and variables with a prefix (click's auto_envvar_prefix).
func (p *Process) byOptions(kind string, argv []string, prefix string, drain int64) *Server {
	s := &Server{Kind: kind, Host: "127.0.0.1", Port: "8000", By: "its default", Drain: drain}
	for _, socket := range []string{"--uds", "--fd"} {
		if _, ok := option(argv, socket); ok {
			s.Host, s.Port = "", ""
			return s
		}
	}
	p.override(s, argv, "--host", prefix+"HOST", "--port", prefix+"PORT")
	if variable := "WEB_CONCURRENCY"; kind == "uvicorn" {
		p.workers(s, argv, variable, "--workers")
	} else {
		p.workers(s, argv, prefix+"WORKERS", "--workers")
	}
	if v, ok := option(argv, "--timeout-graceful-shutdown", "--workers-kill-timeout"); ok {
		s.Drain, s.Told = seconds(v), true
	}
	return s
}

// override puts what options, or else variables, say over the defaults.
func (p *Process) override(s *Server, argv []string, host, hostVar, port, portVar string) {
	for _, x := range []struct {
		flag, variable string
		to             *string
		host           bool
	}{{host, hostVar, &s.Host, true}, {port, portVar, &s.Port, false}} {
		if v, ok := option(argv, x.flag); ok {
			*x.to = v
			if x.host {
				s.By = x.flag
			}
			continue
		}
		if x.variable == "" {
			continue
		}
		v, set, known := p.Env(x.variable)
		switch {
		case set && known && v != "":
			*x.to = v
			if x.host {
				s.By = x.variable
			}
		case set && !known, !set && !known:
			*x.to = ""
		}
	}
}

func seconds(v string) int64 {
	n := int64(0)
	for _, r := range v {
		if r < '0' || r > '9' || n > 1e6 {
			return -2
		}
		n = n*10 + int64(r-'0')
	}
	return n
}

func (p *Process) runserver(args []string) *Server {
	s := &Server{Kind: "runserver", Host: "127.0.0.1", Port: "8000", By: "its default", Drain: -2}
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--settings" || a == "--pythonpath" || a == "-v" || a == "--verbosity": // its value is the next word
			i++
		case strings.HasPrefix(a, "-"):
		case strings.Contains(a, ":"):
			s.bind(a, "its argument")
			return s
		default:
			s.Port = a
			return s
		}
	}
	return s
}

// dotenv reports whether a file beside the application may set what Flask reads: it reads .env and .flaskenv where python-dotenv is
// installed (flask.palletsprojects.com, "Environment Variables From dotenv").
func (p *Process) dotenv(pass *analysis.Pass) bool {
	if !pass.HasFiles() {
		return true
	}
	for _, name := range []string{".flaskenv", ".env"} {
		if at := path.Join(p.Workdir(pass), name); p.Mounted(pass, at) || pass.Image.Inode(at) != nil {
			return true
		}
	}
	return false
}

// subcommand is the first word of celery's that is neither an option nor the value of one (celery --help).
func subcommand(argv []string) string {
	for i := 1; i < len(argv); i++ {
		switch w := argv[i]; {
		case slices.Contains([]string{"-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir"}, w):
			i++
		case !strings.HasPrefix(w, "-"):
			return w
		}
	}
	return ""
}

// binds reads what a server listens on: of several it is not told which one is asked.
func (s *Server) binds(list []string, by string) {
	list = strings.FieldsFunc(strings.Join(list, ","), func(r rune) bool { return r == ',' })
	switch len(list) {
	case 0:
	case 1:
		s.bind(list[0], by)
	default:
		s.Host, s.Port = "", ""
	}
}

// bind reads HOST:PORT.
func (s *Server) bind(text, by string) {
	if strings.HasPrefix(text, "unix:") || strings.HasPrefix(text, "fd://") || strings.Contains(text, "$") {
		s.Host, s.Port = "", ""
		return
	}
	i := strings.LastIndex(text, ":")
	if i < 0 {
		s.Host, s.By = text, by
		return
	}
	s.Host, s.Port, s.By = text[:i], text[i+1:], by
	if s.Host == "" {
		s.Host = "0.0.0.0"
	}
}

// workers reads how many processes serve: an option's value, else a variable's, else one.
func (p *Process) workers(s *Server, argv []string, variable string, names ...string) {
	s.Workers, s.Count = 1, "its default"
	if variable != "" {
		switch v, set, known := p.Env(variable); {
		case !known:
			s.Workers = 0
		case set && v != "":
			s.Workers, s.Count = max(0, seconds(v)), variable
		}
	}
	if v, ok := option(argv, names...); ok {
		s.Workers, s.Count = max(0, seconds(v)), names[len(names)-1]
	}
}

// celery is a worker: its pool has a process for each processor of the node, unless it is told otherwise
// (docs.celeryq.dev, "worker_concurrency").
func (p *Process) celery(argv []string) *Server {
	s := &Server{Kind: "celery", Drain: -1}
	pool, _ := option(argv, "-P", "--pool")
	if slices.Contains([]string{"gevent", "eventlet", "threads", "solo"}, pool) { // one process, whatever the number is of
		s.Workers, s.Count = 1, "--pool"
		return s
	}
	if v, ok := option(argv, "-c", "--concurrency"); ok {
		s.Workers, s.Count = max(0, seconds(v)), "--concurrency"
	} else if _, scales := option(argv, "--autoscale"); !scales && (pool == "" || pool == "prefork" || pool == "processes") {
		s.Node = "the worker's default"
	}
	return s
}
