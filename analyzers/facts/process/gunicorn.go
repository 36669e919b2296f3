package process

import (
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

var (
	reConfBind    = regexp.MustCompile(`(?m)^bind\s*=\s*(.+?)\s*(?:#.*)?$`)
	reConfTmp     = regexp.MustCompile(`(?m)^worker_tmp_dir\s*=\s*(.+?)\s*(?:#.*)?$`)
	reConfDrain   = regexp.MustCompile(`(?m)^graceful_timeout\s*=\s*(.+?)\s*(?:#.*)?$`)
	reConfWorkers = regexp.MustCompile(`(?m)^workers\s*=\s*(.+?)\s*(?:#.*)?$`)
	reCount       = regexp.MustCompile(`(?:process_)?cpu_count\(`)
	// a number that nothing but the node's processors decides
	reCounted = regexp.MustCompile(`^[\s\d*+()]*(?:\w+\.)*(?:process_)?cpu_count\(\)[\s\d*+()]*(?:or[\s\d()]+)?[\s\d*+()]*$`)
	// what is decided elsewhere, or sometimes
	reConfMore = regexp.MustCompile(`(?m)^[ \t]+(?:bind|workers|worker_tmp_dir|graceful_timeout)\s*=|` +
		`^\s*from\s.*\bimport\s.*(?:\*|\bbind\b|\bworkers\b)|` +
		`\b(?:locals|globals|vars|setattr|exec|eval)\(`)
	reLiteral = regexp.MustCompile(`^(?:"([^"\\{}]*)"|'([^'\\{}]*)')$`)
)

// gunicorn reads its settings in their order: ./gunicorn.conf.py or the file that -c names, then
// GUNICORN_CMD_ARGS, then its own words (gunicorn.org, "Configuration Overview").
func (p *Process) gunicorn(pass *analysis.Pass, argv []string) *Server {
	s := &Server{Kind: "gunicorn", Host: "127.0.0.1", Port: "8000", By: "its default", Drain: 30}
	port, set, known := p.Env("PORT")
	switch {
	case set && known && port != "":
		s.Host, s.Port, s.By = "0.0.0.0", port, "PORT"
	case !known:
		s.Host, s.Port = "", ""
	}
	file, named := option(argv, "-c", "--config")
	extra, set, known := p.Env("GUNICORN_CMD_ARGS")
	if !known {
		s.Conf, s.Host, s.Port, s.Drain = true, "", "", -2
	}
	more := strings.Fields(extra)
	if f, ok := option(more, "-c", "--config"); ok && !named {
		file, named = f, true
	}
	p.workers(s, nil, "WEB_CONCURRENCY")
	p.conf(pass, s, file, named)
	if set {
		s.words(more, "GUNICORN_CMD_ARGS")
	}
	s.words(argv, "--bind")
	return s
}

// words reads gunicorn's options.
func (s *Server) words(argv []string, by string) {
	if v, ok := option(argv, "-w", "--workers"); ok {
		s.Workers, s.Count, s.Node = max(0, seconds(v)), "--workers", ""
	}
	s.binds(options(argv, "-b", "--bind"), by)
	if v, ok := option(argv, "--graceful-timeout"); ok {
		s.Drain, s.Told = seconds(v), true
	}
	if v, ok := option(argv, "--worker-tmp-dir"); ok {
		s.Tmp = v
	}
}

// conf reads the literals of a file of gunicorn's settings.
func (p *Process) conf(pass *analysis.Pass, s *Server, file string, named bool) {
	unread := func() { s.Conf, s.Host, s.Port, s.Drain, s.Workers = true, "", "", -2, 0 }
	if !pass.HasFiles() {
		unread()
		return
	}
	if !named {
		file = "gunicorn.conf.py"
	} else if file = strings.TrimPrefix(file, "file:"); strings.HasPrefix(file, "python:") {
		unread()
		return
	}
	at := file
	if !path.IsAbs(file) {
		at = path.Join(p.Workdir(pass), file)
	}
	if p.Mounted(pass, path.Dir(at)) || p.Mounted(pass, at) {
		unread()
		return
	}
	f := pass.Image.Inode(at)
	switch {
	case f == nil && !named:
		return
	case f == nil || f.Contents == nil:
		unread()
		return
	}
	text := string(f.Contents)
	if reConfMore.MatchString(text) {
		unread()
		return
	}
	if m := reConfBind.FindAllStringSubmatch(text, -1); m != nil {
		if v, ok := literal(m[len(m)-1][1]); ok && len(m) == 1 {
			s.bind(v, file)
		} else {
			s.Host, s.Port = "", ""
		}
	} else if strings.Contains(text, "bind") {
		s.Host, s.Port = "", ""
	}
	if m := reConfTmp.FindStringSubmatch(text); m != nil {
		if v, ok := literal(m[1]); ok {
			s.Tmp = v
		} else {
			s.Conf = true
		}
	}
	if m := reConfDrain.FindStringSubmatch(text); m != nil {
		s.Drain, s.Told = seconds(m[1]), true
	}
	if m := reConfWorkers.FindAllStringSubmatch(text, -1); m != nil {
		value := m[len(m)-1][1]
		s.Workers, s.Count = max(0, seconds(value)), file
		if call := reCount.FindString(value); reCounted.MatchString(value) && len(m) == 1 {
			s.Node = call + ") in " + file
		}
	} else if strings.Contains(text, "workers") {
		s.Workers = 0
	}
}

func literal(text string) (string, bool) {
	m := reLiteral.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}
