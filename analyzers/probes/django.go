package probes

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Of a file of Django's URLs (docs.djangoproject.com, "URL dispatcher"): a route, the function or the file that it leads to, and what is
// imported.
var (
	reRoot    = regexp.MustCompile(`(?m)^[ \t]*ROOT_URLCONF\s*=\s*["']([\w.]+)["']`)
	reURL     = regexp.MustCompile(`\b(re_path|path|url)\(\s*r?(?:"([^"\n]*)"|'([^'\n]*)')\s*,\s*(?:view\s*=\s*)?`)
	reInclude = regexp.MustCompile(`^include\(\s*\(?\s*["']([\w.]+)["']`)
	reView    = regexp.MustCompile(`^([A-Za-z_][\w.]*?)(\.as_view\([^()]*\))?\s*(?:[,)]|$)`)
	reParam   = regexp.MustCompile(`<(?:(\w+):)?\w+>`)
	reFrom    = regexp.MustCompile(`(?m)^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n#]*))`)
	reWhole   = regexp.MustCompile(`(?m)^[ \t]*import[ \t]+([\w.]+)(?:[ \t]+as[ \t]+(\w+))?`)
	reComment = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
)

// Limits of what is read of the routes: a pattern is compiled, and kept.
const (
	maxRoutes  = 1000 // of a file
	maxPattern = 200  // bytes
)

// reCounted is a repetition by its number, which is as large compiled as what it repeats.
var reCounted = regexp.MustCompile(`\{\d`)

// maxFollowed is how many files of URLs are followed for one path.
const maxFollowed = 100

// A django is the source of an application with files of Django's URLs.
type django struct {
	files  map[string]*analysis.File // by absolute path
	lists  map[*analysis.File][]urlRoute
	texts  map[*analysis.File]string // of those that have a list, without comments
	roots  []*analysis.File
	checks bool // a part of django-health-check asks a service
}

func newDjango(files []*analysis.File) *django {
	d := &django{files: map[string]*analysis.File{}, lists: map[*analysis.File][]urlRoute{}, texts: map[*analysis.File]string{}}
	for _, f := range files {
		d.files["/"+f.Path] = f
		if bytes.Contains(f.Contents, []byte("urlpatterns")) {
			d.texts[f] = text(f)
			d.lists[f] = list(d.texts[f])
		}
		d.checks = d.checks || bytes.Contains(f.Contents, []byte("health_check")) && reChecks.MatchString(text(f))
	}
	d.roots = d.first()
	return d
}

// answers finds the one function that answers a path; nil where there is none, or where that is not told by the text alone.
func (d *django) answers(asked string) (found *handler) {
	left := maxFollowed
	for _, f := range d.roots {
		h, matches := d.route(f, strings.TrimPrefix(asked, "/"), &left)
		if matches && (h == nil || found != nil) {
			return nil
		}
		if matches {
			found = h
		}
	}
	return found
}

// first are the files of URLs that requests come to first: the one that the settings name, or else those that no other includes.
func (d *django) first() (roots []*analysis.File) {
	named := map[string]bool{}
	included := map[string]bool{} // modules
	for _, f := range d.files {
		if bytes.Contains(f.Contents, []byte("ROOT_URLCONF")) {
			for _, m := range reRoot.FindAllStringSubmatch(text(f), -1) {
				named[m[1]] = true
			}
		}
		for _, r := range d.lists[f] {
			if in := reInclude.FindStringSubmatch(r.to); in != nil {
				included["/"+strings.ReplaceAll(in[1], ".", "/")+".py"] = true
			}
		}
	}
	if len(named) == 1 {
		for module := range named {
			if f := d.module(module); f != nil {
				return []*analysis.File{f}
			}
		}
	}
	for name, f := range d.files {
		if path.Base(name) != "urls.py" {
			continue
		}
		inside := false
		for end := name; end != "" && !inside; { // each end of the path that begins with a "/"
			inside = included[end]
			next := strings.IndexByte(end[1:], '/')
			if next < 0 {
				break
			}
			end = end[1+next:]
		}
		if !inside {
			roots = append(roots, f)
		}
	}
	slices.SortFunc(roots, func(a, b *analysis.File) int { return strings.Compare(a.Path, b.Path) })
	return roots
}

// A urlRoute is one line of a file of URLs, as it is written.
type urlRoute struct {
	call, pattern, to string
	line              int
	match             *regexp.Regexp // what a path has to match; nil where Go does not read it
}

// list reads the routes of a file of URLs.
func list(text string) (list []urlRoute) {
	line, at := 1, 0
	for _, m := range reURL.FindAllStringSubmatchIndex(text, -1) {
		if len(list) == maxRoutes {
			break
		}
		line += strings.Count(text[at:m[0]], "\n")
		at = m[0]
		r := urlRoute{call: text[m[2]:m[3]], line: line}
		for _, i := range []int{4, 6} { // in one kind of quotes or the other
			if m[i] >= 0 {
				r.pattern = text[m[i]:m[i+1]]
			}
		}
		r.to, _, _ = strings.Cut(text[m[1]:], "\n")
		if len(r.pattern) <= maxPattern && !reCounted.MatchString(r.pattern) {
			r.match, _ = regexp.Compile(r.regexp(strings.HasPrefix(r.to, "include(")))
		}
		list = append(list, r)
	}
	return list
}

func text(f *analysis.File) string {
	return reComment.ReplaceAllString(string(f.Contents), "")
}

// module is the file of a module, which may lie below any directory; nil where there is none, or several.
func (d *django) module(name string) (found *analysis.File) {
	for _, end := range []string{".py", "/__init__.py"} {
		end = "/" + strings.ReplaceAll(name, ".", "/") + end
		for p, f := range d.files {
			if strings.HasSuffix(p, end) {
				if found != nil {
					return nil
				}
				found = f
			}
		}
	}
	return found
}

// route follows what is left of a path through a file of URLs, to the one view that its routes allow; nil where they allow several, or one
// that is not known.
func (d *django) route(f *analysis.File, rest string, left *int) (found *handler, matches bool) {
	if *left--; f == nil || *left < 0 {
		return nil, true
	}
	for _, r := range d.lists[f] {
		in := reInclude.FindStringSubmatch(r.to)
		if r.match == nil {
			return nil, true // it may match
		}
		at := r.match.FindStringIndex(rest)
		if at == nil {
			continue
		}
		var h *handler
		if in != nil && in[1] == "health_check.urls" {
			h = d.checked(f, r)
		} else if in != nil {
			var ends bool
			if h, ends = d.route(d.module(in[1]), rest[at[1]:], left); !ends {
				continue
			}
		} else if view := reView.FindStringSubmatch(r.to); view != nil {
			h = d.view(f, view[1], view[2] != "")
		}
		if h == nil || found != nil {
			return nil, true
		}
		found, matches = h, true
	}
	return found, matches
}

// reChecks are the parts of django-health-check that ask a service which the application depends on, where they are installed
// (codingjoe.dev/django-health-check, "INSTALLED_APPS").
var reChecks = regexp.MustCompile(`["']health_check\.(?:db|cache|contrib\.(?:celery|celery_ping|redis|rabbitmq|s3boto3?_storage|mail))["']`)

// checked is the view of django-health-check, which asks all services that it has a part for; nil where no such part is seen.
func (d *django) checked(f *analysis.File, r urlRoute) *handler {
	if !d.checks {
		return nil
	}
	return &handler{file: f, line: r.line, text: fmt.Sprintf("%s(%q, %s", r.call, r.pattern, strings.TrimRight(r.to, ", \t"))}
}

// regexp is what a path, or the beginning of one, has to match: the pattern of url and re_path is a regular expression, mostly in a form
// that Go reads too, and path's has converters.
func (r urlRoute) regexp(prefix bool) string {
	text := r.pattern
	if r.call != "path" {
		return text
	}
	var b strings.Builder
	b.WriteString("^")
	last := 0
	for _, m := range reParam.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(regexp.QuoteMeta(text[last:m[0]]))
		if last = m[1]; m[2] >= 0 && text[m[2]:m[3]] == "path" {
			b.WriteString(".+")
		} else {
			b.WriteString("[^/]+")
		}
	}
	b.WriteString(regexp.QuoteMeta(text[last:]))
	if !prefix {
		b.WriteString("$")
	}
	return b.String()
}

// view finds the function that a name in a file of URLs is, or the method get of a class; nil where it cannot be told.
func (d *django) view(f *analysis.File, dotted string, class bool) *handler {
	of, name := path.Split(strings.ReplaceAll(dotted, ".", "/"))
	module := f
	switch of = strings.ReplaceAll(strings.Trim(of, "/"), "/", "."); {
	case of != "":
		module = d.imported(f, of)
	case !strings.Contains(d.texts[f], "def "+name+"(") && !strings.Contains(d.texts[f], "class "+name+"(") &&
		!strings.Contains(d.texts[f], "class "+name+":"):
		from, original := d.from(f, name)
		if original == "" {
			return nil
		}
		module, name = d.find(f, from), original
	}
	if module == nil {
		return nil
	}
	lines := strings.Split(string(module.Contents), "\n")
	for i, line := range lines {
		text := strings.TrimPrefix(line, "async ")
		switch {
		case !class && strings.HasPrefix(text, "def "+name+"("):
			h := &handler{file: module, line: i + 1}
			h.read(lines[i:], i+1, 0)
			return h
		case class && (strings.HasPrefix(text, "class "+name+"(") || strings.HasPrefix(text, "class "+name+":")):
			return method(module, lines, i)
		}
	}
	return nil
}

// method is the method get of the class that begins at a line; nil if it has none of its own.
func method(f *analysis.File, lines []string, at int) *handler {
	for i := at + 1; i < len(lines); i++ {
		line := lines[i]
		text := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if text != "" && indent == 0 && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, ")") {
			return nil
		}
		if strings.HasPrefix(text, "def get(") || strings.HasPrefix(text, "async def get(") {
			h := &handler{file: f, line: i + 1}
			h.read(lines[i:], i+1, indent)
			return h
		}
	}
	return nil
}

// imported is the module that a file calls by a name: "from . import views", "import app.views", "import app.views as v".
func (d *django) imported(f *analysis.File, name string) *analysis.File {
	for _, m := range reWhole.FindAllStringSubmatch(d.texts[f], -1) {
		if m[2] == name || m[2] == "" && m[1] == name {
			return d.module(m[1])
		}
	}
	module, original := d.from(f, name)
	if original == "" {
		return nil
	}
	if !strings.HasSuffix(module, ".") {
		module += "."
	}
	return d.find(f, module+original)
}

// from is the module that a file imports a name from, as it writes it, and what the name is called there; "" if it imports none.
func (d *django) from(f *analysis.File, name string) (module, original string) {
	for _, m := range reFrom.FindAllStringSubmatch(d.texts[f], -1) {
		for _, x := range strings.Split(m[2]+m[3], ",") {
			words := strings.Fields(x)
			if len(words) == 1 && words[0] == name || len(words) == 3 && words[1] == "as" && words[2] == name {
				return m[1], words[0]
			}
		}
	}
	return "", ""
}

// find is the file of a module as another file writes it, which may be relative to that.
func (d *django) find(f *analysis.File, module string) *analysis.File {
	name := strings.TrimLeft(module, ".")
	dots := len(module) - len(name)
	if dots == 0 {
		return d.module(name)
	}
	dir := path.Dir("/" + f.Path)
	for range dots - 1 {
		dir = path.Dir(dir)
	}
	at := path.Join(dir, strings.ReplaceAll(name, ".", "/"))
	if found := d.files[at+".py"]; found != nil {
		return found
	}
	return d.files[at+"/__init__.py"]
}
