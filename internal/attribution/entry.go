package attribution

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers/analysis"
)

// An entry is what a builder writes into the history for one instruction.
type entry struct {
	inst  *analysis.Instruction
	verb  string
	body  string   // of RUN, COPY, ADD, WORKDIR: blanks collapsed
	raw   string   // of COPY and ADD: as it is written, variables too, which is what kaniko records
	shell string   // of RUN: what stands before the body; "" for the exec form
	keys  []string // of ENV, LABEL, ARG
	known bool     // body is what the builder writes; else the verb alone counts
	layer bool     // it makes a layer, always
	may   bool     // it may be missing: buildah runs no ONBUILD of a stage in the same file
}

// expect lists the entries of a chain of stages, the root first.
func expect(chain []*analysis.Stage) (out []*entry) {
	for _, stage := range chain {
		for _, inst := range stage.Instructions {
			if e := expectOne(inst); e != nil {
				e.may = !e.layer || inst.Triggered()
				out = append(out, e)
			}
		}
	}
	return out
}

func expectOne(inst *analysis.Instruction) *entry {
	e := &entry{inst: inst, verb: strings.ToUpper(inst.Command.Name()), known: true}
	expand := inst.Expander()
	switch c := inst.Command.(type) {
	case *instructions.OnbuildCommand:
		return nil
	case *instructions.RunCommand:
		e.layer = true
		e.body = collapse(runBody(c))
		if c.PrependShell {
			e.shell = defaultShell
			if len(inst.State.Shell) > 0 {
				e.shell = collapse(strings.Join(inst.State.Shell, " "))
			}
		}
	case *instructions.CopyCommand:
		e.layer = true
		e.body, e.known = copyBody(c.SourcesAndDest, expand)
		e.raw, _ = copyBody(c.SourcesAndDest, written)
	case *instructions.AddCommand:
		e.layer = true
		e.body, e.known = copyBody(c.SourcesAndDest, expand)
		e.raw, _ = copyBody(c.SourcesAndDest, written)
	case *instructions.WorkdirCommand:
		var dir string
		if dir, e.known = expand(c.Path); !path.IsAbs(dir) {
			e.known = e.known && path.IsAbs(inst.State.Workdir) && inst.State.WorkdirKnown
			dir = path.Join(inst.State.Workdir, dir)
		}
		e.body = path.Clean(dir)
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			e.keys = append(e.keys, kv.Key)
		}
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			e.keys = append(e.keys, kv.Key)
		}
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			e.keys = append(e.keys, arg.Key)
		}
	}
	return e
}

// runBody is the script of a RUN as BuildKit hands it to the shell
// (dockerfile2llb, dispatchRun): a lone heredoc is the script itself.
func runBody(c *instructions.RunCommand) string {
	if len(c.Files) == 0 || len(c.CmdLine) == 0 {
		return strings.Join(c.CmdLine, " ")
	}
	if parser.MustParseHeredoc(c.CmdLine[0]) != nil {
		data := c.Files[0].Data
		if c.Files[0].Chomp {
			data = parser.ChompHeredocContent(data)
		}
		if strings.HasPrefix(data, "#!") {
			return path.Join("/dev/pipes", c.Files[0].Name)
		}
		return data
	}
	body := c.CmdLine[0]
	for _, f := range c.Files {
		body += "\n" + f.Data + f.Name
	}
	return body
}

// written is a word as it stands in the Dockerfile.
func written(w string) (string, bool) { return w, true }

// copyBody is the sources and the destination, their variables expanded.
func copyBody(c instructions.SourcesAndDest, expand func(string) (string, bool)) (string, bool) {
	var words []string
	known := true
	add := func(w string) {
		v, ok := expand(w)
		known = known && ok
		words = append(words, v)
	}
	for _, src := range c.SourcePaths {
		add(src)
	}
	for _, doc := range c.SourceContents {
		add("<<" + doc.Path)
	}
	add(c.DestPath)
	return collapse(strings.Join(words, " ")), known
}

// A created is an entry of an image's history, in parts.
type created struct {
	verb   string
	body   string
	keys   map[string]bool
	listed string // of RUN: the words of a list of JSON that body ends with, behind a shell that does not run; buildah's exec form
}

var (
	blanks  = regexp.MustCompile(`\s+`)
	flags   = regexp.MustCompile(`^(?:--[a-z-]+(?:=\S*)? )+`)
	classic = regexp.MustCompile(`^\S+(?: -\S+| pipefail)* #\(nop\)\s+`) // behind the SHELL in force
)

func collapse(s string) string { return strings.TrimSpace(blanks.ReplaceAllString(s, " ")) }

// parse reads what a builder wrote: BuildKit's "RUN ... # buildkit", or the
// classic builder's "/bin/sh -c #(nop) CMD ...".
func parse(h v1.History) created {
	text := strings.TrimSuffix(collapse(h.CreatedBy), " # buildkit")
	if loc := classic.FindStringIndex(text); loc != nil {
		text = text[loc[1]:]
		verb, body, _ := strings.Cut(text, " ")
		if verb == "COPY" || verb == "ADD" {
			if _, dest, ok := strings.Cut(body, " in "); ok { // COPY dir:<digest> in /app
				body = "* " + dest
			}
		}
		return created{verb: verb, body: body, keys: keys(body)}
	}
	verb, body, _ := strings.Cut(text, " ")
	switch verb {
	case "RUN",
		"COPY",
		"ADD",
		"WORKDIR",
		"ENV",
		"LABEL",
		"ARG",
		"CMD",
		"ENTRYPOINT",
		"EXPOSE",
		"USER",
		"VOLUME",
		"STOPSIGNAL",
		"SHELL",
		"HEALTHCHECK",
		"MAINTAINER",
		"ONBUILD":
		if verb == "COPY" || verb == "ADD" {
			body = flags.ReplaceAllString(body, "")
		}
		return created{verb: verb, body: body, keys: keys(body), listed: listed(body)}
	}
	return created{verb: "RUN", body: text, listed: listed(text)} // the classic builder and buildah write the command alone
}

var reKey = regexp.MustCompile(`(?:^| )("?[A-Za-z_][\w.-]*"?)(?:=| |$)`)

// keys finds the names in K=V K=V. Values may hold blanks and more "=": what
// is found is a superset of the names.
func keys(body string) map[string]bool {
	out := map[string]bool{}
	for rest := body; ; {
		loc := reKey.FindStringSubmatchIndex(rest)
		if loc == nil {
			return out
		}
		out[strings.Trim(rest[loc[2]:loc[3]], `"`)] = true
		rest = rest[loc[3]:]
	}
}

// match says how well h is what the builder writes for e: 0 if it is not.
func (e *entry) match(h created) int {
	if e.verb != h.verb {
		return 0
	}
	switch e.verb {
	case "RUN":
		if e.ran(h) {
			return strong
		}
		return 0
	case "COPY", "ADD":
		dest := e.body[strings.LastIndex(e.body, " ")+1:]
		switch {
		case !e.known:
			return weak
		case e.body == h.body, e.raw == h.body, strings.HasPrefix(h.body, "* ") && sameDir(h.body[2:], dest, e.inst.State.Workdir):
			return strong
		}
		return 0
	case "WORKDIR":
		if !e.known || e.body == path.Clean(h.body) {
			return weak
		}
		return 0
	case "ENV", "LABEL", "ARG":
		for _, k := range e.keys {
			if !strings.Contains(k, "$") && !h.keys[strings.Trim(k, `"`)] {
				return 0
			}
		}
	}
	return weak
}

// sameDir compares a destination that the classic builder wrote, absolute,
// with the one of the file.
func sameDir(got, want, workdir string) bool {
	if !path.IsAbs(want) {
		want = path.Join(workdir, want)
	}
	return path.Clean(got) == path.Clean(want) || strings.HasSuffix(path.Clean(got), "/"+path.Clean(want))
}

// defaultShell is what buildah records whatever SHELL says: images of OCI's
// format have no field for it.
const defaultShell = "/bin/sh -c"

// ran reports whether the body of h, of the history, is e's: build arguments and the
// shell stand before it.
func (e *entry) ran(h created) bool {
	before, ok := strings.CutSuffix(h.body, e.body)
	if !ok {
		return e.shell == "" && e.body != "" && h.listed == e.body
	}
	before = strings.TrimSpace(before)
	if strings.HasPrefix(before, "|") { // |2 A=b C=d: the values may be anything
		return e.shell == "" || strings.HasSuffix(before, " "+e.shell) || strings.HasSuffix(before, " "+defaultShell)
	}
	return before == e.shell || e.shell != "" && (before == defaultShell || before == "") // kaniko records the instruction alone
}

// listed is the words of the list of JSON that body ends with, or "".
func listed(body string) string {
	_, list, ok := strings.Cut(body, "-c [")
	var words []string
	if !ok || json.Unmarshal([]byte("["+list), &words) != nil {
		return ""
	}
	return collapse(strings.Join(words, " "))
}
