// Package runtime judges the contract between an image and the pod that runs it.
package runtime

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:  "runtime",
	Doc:   doc,
	Rules: []*analysis.Rule{command, nonroot, readonly, links, hides, bypassed, unreadable},
	Needs: analysis.Needs{Facts: []analysis.AnyFact{process.Fact, process.Application}},
	Run:   run,
}

var command = &analysis.Rule{
	ID:       "runtime-command-missing",
	Title:    "the container's program is not in the image",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var nonroot = &analysis.Rule{
	ID:       "runtime-nonroot",
	Title:    "runAsNonRoot with an image whose user the kubelet cannot verify",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload,
	Uses:     analysis.InputFiles,
	Any:      analysis.InputDockerfile | analysis.InputManifest,
}

var readonly = &analysis.Rule{
	ID:       "runtime-readonly-write",
	Title:    "a read-only root without a place for what the server writes",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var links = &analysis.Rule{
	ID:       "runtime-service-links",
	Title:    "a Service's variable replaces one that the program reads as a number",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

func run(pass *analysis.Pass) error {
	c := pass.Container
	if c == nil {
		return nil
	}
	p := process.Fact.Of(pass)
	user(pass, p)
	if pass.Image == nil || pass.Image.Config == nil {
		return nil
	}
	bypass(pass, p)
	if !pass.HasFiles() {
		return nil
	}
	if len(p.Argv) > 0 && !strings.Contains(p.Argv[0], "$(") {
		if f, known := p.Find(pass, p.Argv[0]); known && f == nil {
			remedy := "install it, or name one that is there"
			switch conf := pass.Image.Config.Config; {
			case strings.Contains(p.Argv[0], " "):
				remedy = "write each word as one of the list"
			case c.Command == nil && c.Args != nil && len(conf.Entrypoint) == 0:
				remedy = "args replace the image's CMD, and it has no ENTRYPOINT: write the whole command"
			}
			pass.Report(analysis.Finding{
				Rule: command, Location: p.At, Key: c.Name + " " + p.Argv[0], Related: p.Made(),
				Message: fmt.Sprintf("%q runs %q, which the image does not have: the container never starts; %s", c.Name, p.Argv[0], remedy),
			})
		} else if known && f.Mode.IsRegular() && f.Mode&0o111 == 0 {
			pass.Report(analysis.Finding{
				Rule: command, Location: p.At, Key: c.Name + " " + p.Argv[0], Related: p.Made(),
				Message: fmt.Sprintf("%q runs %q, which is not executable: "+
					"the container never starts; chmod +x it where it is copied (COPY --chmod=755)",
					c.Name, p.Argv[0]),
			})
		}
	}
	write(pass, p)
	service(pass, p)
	hidden(pass, p)
	closed(pass, p)
	return nil
}

// user compares runAsNonRoot with the image's user, as the kubelet does before it starts a container.
func user(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	set := c.Security
	if set.NonRoot == nil {
		set = c.Workload.Security
	}
	if set.NonRoot == nil || !*set.NonRoot {
		return
	}
	number := c.Security.User
	if !number.Set {
		number = c.Workload.Security.User
	}
	if number.Set {
		if number.N == 0 {
			pass.Report(analysis.Finding{
				Rule: nonroot, Location: set.At, Key: c.Name,
				Message: fmt.Sprintf("runAsNonRoot is set, and runAsUser of %q is 0, which is root: the kubelet refuses to start it; "+
					"name another number", c.Name),
				Related: []analysis.Related{{Location: number.At, Message: "runAsUser"}},
			})
		}
		return
	}
	name, known, at := p.User()
	if name, _, _ = strings.Cut(name, ":"); !known {
		why := "who the base of the Dockerfile runs as is not known"
		if at.Line > 0 {
			why = "USER has a variable"
		}
		pass.Undecided(nonroot, set.At, why)
		return
	}
	report := func(format string, args ...any) {
		f := analysis.Finding{
			Rule: nonroot, Location: set.At, Key: c.Name,
			Message: fmt.Sprintf("runAsNonRoot is set, and the image of %q ", c.Name) + fmt.Sprintf(format, args...),
		}
		if at.Line > 0 {
			f.Related = append(f.Related, analysis.Related{Location: at, Message: "USER"})
		}
		pass.Report(f)
	}
	switch n, err := strconv.ParseInt(name, 10, 64); {
	case err == nil && n != 0:
	case name == "" || name == "root" || err == nil:
		report("runs as root: the kubelet refuses to start it; add USER with a number to the Dockerfile, or runAsUser to the pod")
	default:
		number := ""
		if pass.HasFiles() {
			number = uid(pass.Image.Inode("etc/passwd"), name)
		}
		if number == "0" {
			report("runs as %q, which is root: the kubelet refuses to start it; add USER with another number", name)
			return
		}
		remedy := "write its number in USER, or add runAsUser to the pod"
		if number != "" {
			remedy = fmt.Sprintf("write USER %s, its number, or runAsUser: %s", number, number)
		}
		report("runs as %q, a name that the kubelet cannot verify: it refuses to start it; %s", name, remedy)
	}
}

// uid is the number of a user of /etc/passwd; "" where it is not known.
func uid(f *analysis.File, name string) string {
	if f == nil || f.Contents == nil {
		return ""
	}
	for line := range strings.Lines(string(f.Contents)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) > 2 && fields[0] == name {
			if _, err := strconv.Atoi(fields[2]); err == nil {
				return fields[2]
			}
		}
	}
	return ""
}

// service finds variables of Services that a program reads as a port: Kubernetes sets NAME_PORT=tcp://IP:PORT
// for each Service of the namespace (kubernetes.io, "Discovering services").
func service(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	if c.Workload.NoServiceLinks {
		return
	}
	for _, s := range pass.Services {
		if s.Namespace != c.Workload.Namespace || s.Name == "" || s.NoAddress {
			continue
		}
		name := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")) + "_PORT"
		if _, set := c.Lookup(name); set || c.EnvFrom {
			continue
		}
		reads := ""
		switch {
		case asPort(p.Text, name):
			reads = "the command"
		case p.Server == nil || slices.ContainsFunc(p.Inner, func(w string) bool { return w == "--port" || strings.HasPrefix(w, "--port=") }):
			// an option counts before the variable
		case name == "UVICORN_PORT" && p.Server.Kind == "uvicorn", name == "GRANIAN_PORT" && p.Server.Kind == "granian":
			reads = p.Server.Kind
		}
		if reads == "" {
			continue
		}
		pass.Report(analysis.Finding{
			Rule: links, Location: p.At, Key: c.Name + " " + name,
			Message: fmt.Sprintf("%s of %q reads %s as a port, and Kubernetes sets it to tcp://IP:PORT of Service %q: "+
				"set enableServiceLinks: false, or %s in the pod's env", reads, c.Name, name, s.Name, name),
			Related: []analysis.Related{{Location: s.At, Message: fmt.Sprintf("Service %q", s.Name)}},
		})
	}
}

// asPort reports whether a text uses a variable where a port stands, and does not set it itself.
func asPort(text, name string) bool {
	if !strings.Contains(text, name) || strings.Contains(text, name+"=") {
		return false
	}
	re := regexp.MustCompile(`(?:--port[= ]|-p |:)["']?\$(?:` + regexp.QuoteMeta(name) + `\b|\{` + regexp.QuoteMeta(name) +
		`[}:]|\(` + regexp.QuoteMeta(name) + `\))`) // the kubelet puts it in, too
	return re.MatchString(text)
}
