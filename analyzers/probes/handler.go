package probes

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

var (
	reRoute  = regexp.MustCompile(`^([ \t]*)@\w+(?:\.\w+)*\.(?:route|get|api_route)\(\s*["']([^"']+)["']`)
	rePrefix = regexp.MustCompile(`\b(?:url_)?prefix\s*=`)
	reAdded  = regexp.MustCompile(`\.(?:add_api_route|add_url_rule|add_route)\(\s*["']([^"']+)["']`)
	reAsks   = regexp.MustCompile(`\.execute\(|\.cursor\(|\.ping\(|\brequests\.(?:get|post|head)\(|\bhttpx\.(?:get|post|head)\(`)
)

// A handler is the function that answers a path, in the application's source.
type handler struct {
	file *analysis.File
	line int
	text string // of the line that asks another service; "" if none does
}

// routes holds what the application's source says that answers each path. It is of the image: whoever runs it, it is derived once.
var routes = &analysis.Fact[*routing]{
	Name:    "routes",
	Needs:   analysis.Needs{Facts: []analysis.AnyFact{process.Application}},
	Compute: route,
}

// A routing is the functions that answer paths, by Django's files of URLs and by the decorators of others.
type routing struct {
	django    *django
	decorated map[string][]*handler // by path, without the "/" at its end
	added     map[string]bool       // paths that are given a function in another way
}

func route(pass *analysis.Pass) (*routing, error) {
	app := process.Application.Of(pass)
	if app == nil {
		return nil, nil
	}
	r := &routing{newDjango(app.Sources), map[string][]*handler{}, map[string]bool{}}
	prefixed := false // some routers stand below a path of their own
	for _, f := range app.Sources {
		prefixed = prefixed || rePrefix.Match(f.Contents)
		for _, m := range reAdded.FindAllSubmatch(f.Contents, -1) {
			r.added[strings.TrimSuffix(string(m[1]), "/")] = true
		}
	}
	for _, f := range app.Sources {
		if !bytes.Contains(f.Contents, []byte("@")) {
			continue
		}
		lines := strings.Split(string(f.Contents), "\n")
		for i, line := range lines {
			m := reRoute.FindStringSubmatch(line)
			if m == nil || prefixed && !strings.HasPrefix(strings.TrimSpace(line), "@app.") {
				continue
			}
			h := &handler{file: f, line: i + 1}
			h.read(lines[i+1:], i+2, len(m[1]))
			of := strings.TrimSuffix(m[2], "/")
			r.decorated[of] = append(r.decorated[of], h)
		}
	}
	return r, nil
}

// answers finds the one handler of a path; nil where there is none, or several.
func (r *routing) answers(path string) *handler {
	if found := r.django.answers(path); found != nil {
		return found
	}
	path = strings.TrimSuffix(path, "/")
	if list := r.decorated[path]; len(list) == 1 && !r.added[path] {
		return list[0]
	}
	return nil
}

// maxDecorators is how many lines stand between a decorator and its function at most.
const maxDecorators = 20

// read looks through a function, to the next line that is indented no more than its decorator.
func (h *handler) read(lines []string, first, indent int) {
	body, quoted := false, ""
	for i, line := range lines {
		text := strings.TrimSpace(line)
		if quoted != "" { // a text of several lines
			if strings.Contains(text, quoted) {
				quoted = ""
			}
			continue
		}
		for _, q := range []string{`"""`, "'''"} {
			if strings.Contains(text, q) && strings.HasPrefix(strings.TrimLeft(text, "rRbBuUfF"), q) { // it says what is done, or not
				if strings.Count(text, q) == 1 {
					quoted = q
				}
				text = "''"
			}
		}
		own := len(line)-len(strings.TrimLeft(line, " \t")) <= indent
		switch {
		case !body && i > maxDecorators:
			return
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case own && body && !strings.HasPrefix(text, ")"):
			return
		case strings.HasPrefix(text, "def ") || strings.HasPrefix(text, "async def "):
			body = true
		case body && reAsks.MatchString(text):
			h.line, h.text = first+i, text
			return
		}
	}
}

// deeply finds a liveness probe whose handler asks another service, in the application's own source.
func deeply(pass *analysis.Pass, path string) {
	c := pass.Container
	h := routes.Of(pass).answers(path)
	if h == nil || h.text == "" {
		return
	}
	pass.Report(analysis.Finding{
		Rule: deep, Location: c.Liveness.At, Key: c.Name,
		Message: fmt.Sprintf("liveness of %q asks %q, whose handler asks another service (%s, line %d: %s): while that is down, "+
			"its pods are restarted over and over; ask a path that answers for the process alone, such as /livez",
			c.Name, path, "/"+h.file.Path, h.line, analysis.Clip(h.text, 80)),
		Related: []analysis.Related{{Location: h.file.Location(), Message: fmt.Sprintf("line %d", h.line)}},
	})
}
