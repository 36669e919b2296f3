package waste

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

// A store is what a package manager leaves behind, where it lies, and how to do
// without.
type store struct {
	name, fix string
	dirs      []string // a mount on one, or a removal, takes care of it
}

var (
	aptLists = store{"apt's lists", "rm -rf /var/lib/apt/lists/* in the same RUN", []string{"/var/lib/apt"}}
	pipCache = store{"pip's cache", "pip install --no-cache-dir", []string{".cache"}}
	uvCache  = store{"uv's cache", "uv --no-cache", []string{".cache"}}
	apkIndex = store{"apk's index", "apk add --no-cache", []string{"/var/cache/apk"}}
	dnfCache = store{
		"dnf's cache",
		"dnf clean all in the same RUN",
		[]string{"/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache"},
	}
	npmCache = store{"npm's cache", "npm cache clean --force in the same RUN", []string{".npm"}}
)

// fromText predicts: caches that the RUN instructions of the judged chain leave,
// one finding for each.
func fromText(pass *analysis.Pass) {
	chain := pass.Dockerfile.Chain()
	plain := plainBase(chain[0].Root)
	keys := map[string]int{}
	for _, stage := range chain {
		for _, inst := range stage.Instructions {
			left := leaves(pass, inst, plain)
			if len(left) == 0 {
				continue
			}
			var names, fixes []string
			for _, s := range left {
				names, fixes = append(names, s.name), append(fixes, s.fix)
			}
			key := strings.Join(names, ", ")
			if keys[key]++; keys[key] > 1 {
				key += fmt.Sprintf(" #%d", keys[key])
			}
			pass.Reportf(cache, inst, key, "leaves %s in the image: %s, or mount what is kept (RUN --mount=type=cache)",
				analysis.And(names, 5), strings.Join(fixes, "; "))
		}
	}
}

// plainBase reports whether a base is known to set none of the variables that turn
// caches off.
func plainBase(root string) bool {
	b := bases.Lookup(root)
	return b.Official &&
		slices.Contains([]string{"python", "pypy", "debian", "ubuntu", "alpine", "node", "buildpack-deps"}, b.Family)
}

// leaves are the stores that one RUN fills and leaves. Plain says that the base
// sets no variable of theirs.
func leaves(pass *analysis.Pass, inst *analysis.Instruction, plain bool) (left []store) {
	run, ok := inst.Command.(*instructions.RunCommand)
	if !ok || shell.Fact.Of(pass).Unread(inst) != "" {
		return nil
	}
	commands := shell.Fact.Of(pass).Of(inst)
	add := func(s store) {
		if !slices.ContainsFunc(left, func(x store) bool { return x.name == s.name }) && !cared(s, run, commands) {
			left = append(left, s)
		}
	}
	for _, c := range commands {
		switch name := c.Name(); {
		case c.Dead, c.Unlikely:
		case (name == "apt-get" || name == "apt" || name == "aptitude") && has(c, "update"):
			add(aptLists)
		case name == "npm" && (has(c, "install") || has(c, "ci") || has(c, "i")) && !set(c, "npm_config_cache", "NPM_CONFIG_CACHE"):
			add(npmCache)
		}
	}
	for _, s := range installs.Fact.Of(pass).Of(inst) {
		switch {
		case s.Dead || s.Unlikely || s.Remove || s.Script != "":
		case s.Manager == "pip" && s.Verb == "install":
			if plain && fetches(s) && !option(s.Command, "--no-cache") &&
				!set(s.Command, "PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CACHE_HOME", "PIP_CONFIG_FILE") {
				add(pipCache)
			}
		case (s.Manager == "uv pip" || s.Manager == "uv") && copies(s.Command):
			if !option(s.Command, "--no-cache") && !has(s.Command, "-n") &&
				!set(s.Command, "UV_NO_CACHE", "UV_CACHE_DIR", "XDG_CACHE_HOME") {
				add(uvCache)
			}
		case s.Manager == "apk" && s.Verb == "add" && !option(s.Command, "--no-cache"):
			add(apkIndex)
		case s.Manager == "dnf" && s.Kind == installs.System && s.Verb != "remove":
			add(dnfCache)
		}
	}
	return left
}

// copies reports whether uv copies out of its cache: else what it installs are
// links, and the cache costs nothing.
func copies(c *shell.Command) bool {
	v, known := c.Lookup("UV_LINK_MODE")
	return known && v == "copy"
}

// fetches reports whether an install of pip asks an index, or may: what lies in
// the build context is not cached.
func fetches(s *installs.Step) bool {
	if s.Pip.NoIndex {
		return false
	}
	if len(s.Pip.Requirements) > 0 {
		return true
	}
	return slices.ContainsFunc(s.Names, func(w shell.Word) bool {
		return w.Known && !strings.Contains(w.Text, "/") && path.Ext(w.Text) != ".whl" && w.Text != "."
	})
}

func has(c *shell.Command, word string) bool {
	return slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool { return w.Text == word })
}

// option reports whether an option that begins so is given.
func option(c *shell.Command, begin string) bool {
	return slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool { return strings.HasPrefix(w.Text, begin) })
}

// set reports whether one of the variables is set, to whatever.
func set(c *shell.Command, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return c.Vars.Find(name) != nil })
}

// cared reports whether the RUN mounts something on a store, or removes it.
func cared(s store, run *instructions.RunCommand, commands []*shell.Command) bool {
	within := func(text string) bool {
		return slices.ContainsFunc(s.dirs, func(dir string) bool { return strings.Contains(text, dir) })
	}
	for _, m := range instructions.GetMounts(run) {
		if m.Type == instructions.MountTypeCache && (within(m.Target) || strings.Contains(m.Target, "$")) ||
			m.Type == instructions.MountTypeTmpfs && within(m.Target) {
			return true
		}
	}
	for _, c := range commands {
		switch name := c.Name(); {
		case name == "rm" || name == "find" || name == "rmdir":
			if slices.ContainsFunc(c.Words[1:], func(w shell.Word) bool {
				return within(w.Text) || !w.Known || w.Text == "/var/lib/apt/lists" || w.Text == "/var/cache/*"
			}) {
				return true
			}
		case s.name == aptLists.name:
			if strings.HasPrefix(name, "apt") && (has(c, "dist-clean") || has(c, "distclean")) {
				return true
			}
		case has(c, "cache") && (has(c, "purge") || has(c, "clean") || has(c, "remove")),
			has(c, "clean") && (has(c, "all") || has(c, "packages")):
			return true
		}
	}
	return false
}
