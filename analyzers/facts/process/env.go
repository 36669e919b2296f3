package process

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// variables are the container's environment: the image's, over it what envFrom names, and over that the pod's own, in which the kubelet
// puts what was set before in the place of $(NAME) (kubernetes.io, "Define Dependent Environment Variables").
func (p *Process) variables(c *analysis.Container, im *image) {
	if im != nil {
		for _, v := range im.env {
			if c.EnvFrom && v.Name != "PATH" { // a Secret may have it too; nobody keeps the search path in one
				v.Known = false
			}
			p.env[v.Name] = v
			if _, set := c.Lookup(v.Name); !set {
				p.ofImage = append(p.ofImage, v)
			}
		}
		slices.SortFunc(p.ofImage, func(a, b analysis.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	}
	p.all = im != nil && im.all && !c.EnvFrom
	for _, e := range c.Env {
		if c.EnvFrom && e.ConfigMap != "" {
			e.Known = false
		}
		if e.Known {
			e.Value, e.Known = p.substitute(e.Value)
		}
		p.env[e.Name], p.pod[e.Name] = e, e
	}
}

// A Variable is one that the pod or the image sets, and where that is said: in the manifest, the image's beside the container.
type Variable struct {
	analysis.EnvVar
	Place   analysis.Location
	OfImage bool
	Related []analysis.Related // the Dockerfile's line, where the image sets it and one is known
}

// Variables are the pod's, in their order, and those that the image sets and the pod does not, by name.
func (p *Process) Variables(c *analysis.Container) (list []Variable) {
	for _, e := range c.Env {
		list = append(list, Variable{EnvVar: e, Place: e.At})
	}
	for _, e := range p.ofImage {
		v := Variable{EnvVar: e, Place: p.At, OfImage: true}
		if e.At.Line > 0 {
			v.Related = []analysis.Related{{Location: e.At, Message: "ENV"}}
		}
		list = append(list, v)
	}
	return list
}

// substitute replaces $(VAR) as the kubelet does: what the pod itself does not set stays, whatever the image sets. Known is false
// where a value is not.
func (p *Process) substitute(s string) (text string, known bool) {
	known = true
	n := len(s)
	text = reSubstitute.ReplaceAllStringFunc(s, func(m string) string {
		if m == "$$" {
			return "$"
		}
		v, ok := p.pod[m[2:len(m)-1]]
		switch {
		case !ok:
			return m
		case !v.Known || n+len(v.Value) > maxValue:
			known = false
			return m
		}
		n += len(v.Value)
		return v.Value
	})
	return text, known
}

// maxValue is how many bytes a value or a word has at most that is made of others: those may be made of others again.
const maxValue = 4 << 10

// daemons are programs that scripts start to run beside what they end with.
var daemons = []string{
	"nginx", "apache2", "apachectl", "httpd", "supervisord", "service", "systemctl", "redis-server", "memcached", "cron", "crond",
}

// prepared notes what a script does besides its last command: variables that it sets, whose values are known where nothing else sets
// them or decides whether they are set, and programs that it leaves running.
func (p *Process) prepared(f *syntax.File) {
	set := map[string]int{} // how often
	unknown := func(name string) {
		set[name]++
		p.env[name] = analysis.EnvVar{Name: name, At: p.At}
	}
	syntax.Walk(f, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Stmt:
			p.Others = p.Others || x.Background || x.Coprocess
		case *syntax.Assign:
			if x.Name != nil {
				unknown(x.Name.Value)
			}
		case *syntax.ParamExp:
			if x.Exp != nil && (x.Exp.Op == syntax.AssignUnset || x.Exp.Op == syntax.AssignUnsetOrNull) {
				unknown(x.Param.Value)
			}
		case *syntax.CallExpr:
			if len(x.Args) == 0 {
				return true
			}
			switch name := path.Base(x.Args[0].Lit()); {
			case name == "unset" || name == "read":
				for _, w := range x.Args[1:] {
					unknown(w.Lit())
				}
			case name == "." || name == "source" || name == "eval",
				name == "set" && len(x.Args) > 1 && strings.Contains(x.Args[1].Lit(), "a"):
				p.forget()
			case slices.Contains(daemons, name):
				p.Others = true
			}
		}
		return true
	})
	var commands func(stmt *syntax.Stmt, last bool)
	commands = func(stmt *syntax.Stmt, last bool) {
		switch x := stmt.Cmd.(type) {
		case *syntax.BinaryCmd:
			if x.Op == syntax.AndStmt {
				commands(x.X, false)
				commands(x.Y, last)
			}
		case *syntax.DeclClause:
			if x.Variant.Value == "export" {
				p.set(x.Args, set)
			}
		case *syntax.CallExpr:
			if last && len(x.Args) > 0 { // before another command they are for that alone
				p.set(x.Assigns, set)
			}
		}
	}
	for i, stmt := range f.Stmts {
		commands(stmt, i == len(f.Stmts)-1)
	}
}

// set notes variables that are set for what follows, and nowhere else.
func (p *Process) set(list []*syntax.Assign, times map[string]int) {
	for _, a := range list {
		if a.Name == nil || times[a.Name.Value] > 1 || a.Value == nil || a.Append || a.Index != nil || a.Array != nil {
			continue
		}
		if text, known := p.word(a.Value); known {
			p.env[a.Name.Value] = analysis.EnvVar{Name: a.Name.Value, Value: text, Known: true, At: p.At}
		}
	}
}

// forget says that any variable may have been set.
func (p *Process) forget() {
	p.all = false
	for name, v := range p.env {
		if name != "PATH" {
			v.Known = false
			p.env[name] = v
		}
	}
}
