package process

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
)

// An image is what is known of the configuration that a container starts from: the image's own, or, where there is none at
// hand, what the Dockerfile makes of its base's.
type image struct {
	entrypoint, cmd *words // nil where it has none
	env             []analysis.EnvVar
	all             bool // env has all that may matter
	user, signal    setting
	why             string // why the words are not known; "" where they are
}

// Words are those of one instruction.
type words struct {
	list []string
	at   analysis.Location // zero where the Dockerfile does not tell
}

// A setting is a value, whether it is known, and the instruction that sets it.
type setting struct {
	value string
	known bool
	at    analysis.Location // zero where the Dockerfile does not tell
}

// ofBase are variables that the official images set: their values are not known from the Dockerfile alone (docker-library/python).
var ofBase = []string{
	"PATH", "LANG", "LC_ALL", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256", "PYTHON_PIP_VERSION", "PYTHON_SETUPTOOLS_VERSION",
}

// bare are families whose images have no ENTRYPOINT, run as root and end by SIGTERM.
var bare = []string{"python", "pypy", "debian", "ubuntu", "alpine", "buildpack-deps"}

// imageOf reads the image's configuration, and has each word's place of the Dockerfile where there is one; nil where there is neither.
func imageOf(pass *analysis.Pass) *image {
	var im *image
	if pass.Dockerfile != nil {
		im = predicted(pass.Dockerfile)
	}
	if pass.Image == nil || pass.Image.Config == nil {
		if im != nil && pass.Dockerfile.Provisional {
			return nil // nobody runs a stage for development by its name
		}
		return im
	}
	conf := pass.Image.Config.Config
	is := &image{all: true, user: setting{value: conf.User, known: true}, signal: setting{value: conf.StopSignal, known: true}}
	for _, kv := range conf.Env {
		name, value, _ := strings.Cut(kv, "=")
		is.env = append(is.env, analysis.EnvVar{Name: name, Value: value, Known: true})
	}
	if conf.Entrypoint != nil {
		is.entrypoint = &words{list: conf.Entrypoint}
	}
	if conf.Cmd != nil {
		is.cmd = &words{list: conf.Cmd}
	}
	if im == nil {
		return is
	}
	for _, x := range []struct{ is, by *words }{{is.entrypoint, im.entrypoint}, {is.cmd, im.cmd}} {
		if x.is != nil && x.by != nil && slices.Equal(x.is.list, x.by.list) {
			x.is.at = x.by.at
		}
	}
	lines := map[analysis.EnvVar]analysis.Location{}
	for _, v := range im.env {
		lines[analysis.EnvVar{Name: v.Name, Value: v.Value, Known: v.Known}] = v.At
	}
	for i := range is.env {
		is.env[i].At = lines[is.env[i]]
	}
	for _, x := range []struct{ is, by *setting }{{&is.user, &im.user}, {&is.signal, &im.signal}} {
		if x.is.value == x.by.value {
			x.is.at = x.by.at
		}
	}
	return is
}

// predicted is what a Dockerfile tells of the configuration of the image that is built of it.
func predicted(d *analysis.Dockerfile) *image {
	im := &image{why: "what the base of the Dockerfile runs is not known"}
	base := bases.Lookup(d.Chain()[0].Root)
	scratch := d.Chain()[0].Root == "scratch"
	plain := scratch || slices.Contains(bare, base.Family)
	if plain {
		im.why, im.all = "", true
		im.user.known, im.signal.known = true, true
		for _, name := range ofBase {
			if !scratch {
				im.env = append(im.env, analysis.EnvVar{Name: name})
			}
		}
	}
	entry := plain // whether the ENTRYPOINT is known: the base's, or one of the file
	for _, s := range d.Chain() {
		own := false // the stage has a CMD
		for _, i := range s.Instructions {
			switch c := i.Command.(type) {
			case *instructions.EntrypointCommand:
				im.entrypoint, entry = &words{started(c.ShellDependantCmdLine, i), i.Location()}, true
				if im.why = ""; !own { // the base's, or that of the stage below, is reset (BuildKit, dispatchEntrypoint)
					im.cmd = nil
				}
			case *instructions.CmdCommand:
				im.cmd, own = &words{started(c.ShellDependantCmdLine, i), i.Location()}, true
			case *instructions.StopSignalCommand:
				im.signal = setting{c.Signal, !strings.Contains(c.Signal, "$"), i.Location()}
			case *instructions.UserCommand:
				im.user = setting{c.User, !strings.Contains(c.User, "$"), i.Location()}
			}
		}
	}
	if !entry && im.cmd != nil {
		im.why = "whether the base of the Dockerfile has an ENTRYPOINT is not known"
	}
	seen := map[string]bool{}
	for v := d.Target.After.Vars; v != nil; v = v.Next() {
		if v.Arg || seen[v.Name] {
			continue
		}
		seen[v.Name] = true
		im.env = append(im.env, analysis.EnvVar{
			Name: v.Name, Value: v.Value, Known: v.Known, At: analysis.Location{Path: d.Path, Line: v.Line, End: v.Line},
		})
	}
	return im
}

// started are the words that an instruction has the runtime start: its own, or those of the shell that runs it.
func started(line instructions.ShellDependantCmdLine, i *analysis.Instruction) []string {
	if !line.PrependShell {
		return line.CmdLine
	}
	shell := i.State.Shell
	if shell == nil {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), strings.Join(line.CmdLine, " "))
}
