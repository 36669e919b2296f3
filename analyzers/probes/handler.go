package probes

import (
	"fmt"
	"regexp"
	"slices"
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

// answers finds the one handler of a path; nil where there is none, or several.
func answers(im *analysis.Image, path string) (found *handler) {
	files, _ := process.Sources(im)
	urls := &django{files: map[string]*analysis.File{}}
	for _, f := range files {
		urls.files["/"+f.Path] = f
	}
	if found = urls.answers(path); found != nil {
		return found
	}
	prefixed := false // some routers stand below a path of their own
	for _, f := range files {
		prefixed = prefixed || rePrefix.Match(f.Contents)
		if m := reAdded.FindAllSubmatch(f.Contents, -1); slices.ContainsFunc(m, func(m [][]byte) bool {
			return strings.TrimSuffix(string(m[1]), "/") == strings.TrimSuffix(path, "/")
		}) {
			return nil
		}
	}
	for _, f := range files {
		lines := strings.Split(string(f.Contents), "\n")
		for i, line := range lines {
			m := reRoute.FindStringSubmatch(line)
			if m == nil || prefixed && !strings.HasPrefix(strings.TrimSpace(line), "@app.") || strings.TrimSuffix(m[2], "/") != strings.TrimSuffix(path, "/") {
				continue
			}
			if found != nil {
				return nil
			}
			found = &handler{file: f, line: i + 1}
			found.read(lines[i+1:], i+2, len(m[1]))
		}
	}
	return found
}

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
			if strings.HasPrefix(strings.TrimLeft(text, "rRbBuUfF"), q) { // it says what is done, or not
				if strings.Count(text, q) == 1 {
					quoted = q
				}
				text = "''"
			}
		}
		own := len(line)-len(strings.TrimLeft(line, " \t")) <= indent
		switch {
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
	h := answers(pass.Image, path)
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
