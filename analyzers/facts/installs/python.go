package installs

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/facts/shell"
)

var (
	rePip    = regexp.MustCompile(`^pip\d*(\.\d+)?$`)
	rePython = regexp.MustCompile(`^(python|pypy)\d*(\.\d+)*t?$`)
)

// pythonic reads pip, what is spelled like it, and the managers of projects.
func pythonic(name string, c *shell.Command) *Step {
	words := c.Words[1:]
	switch {
	case rePip.MatchString(name):
		return pip(words, c, environment(c.Words[0].Text))
	case rePython.MatchString(name):
		for i, w := range words {
			if !w.Known || !strings.HasPrefix(w.Text, "-") {
				return nil
			}
			module, rest := "", words[i+1:]
			if w.Text == "-m" && len(rest) > 0 {
				module, rest = rest[0].Text, rest[1:]
			} else if strings.HasPrefix(w.Text, "-m") {
				module = w.Text[2:]
			} else if w.Text == "-c" {
				return nil
			}
			switch module {
			case "":
			case "pip":
				return pip(rest, c, environment(c.Words[0].Text))
			case "uv", "pipx", "poetry", "pipenv", "pdm", "easy_install":
				return project(module, rest, c)
			default:
				return nil
			}
			if optionsOf["python"].takes[w.Text] && len(rest) > 0 { // its value stands next
				return pythonicAfter(rest[1:], c)
			}
		}
	case name == "uvx",
		strings.HasPrefix(name, "easy_install"),
		name == "uv",
		name == "pipx",
		name == "poetry",
		name == "pipenv",
		name == "pdm",
		name == "pixi":
		return project(name, words, c)
	case name == "conda", name == "mamba", name == "micromamba":
		return conda(name, words, c)
	case name == "pip-sync":
		a := parse(words, optionsOf["pip"])
		s := &Step{Kind: Python, Manager: "pip-sync", Verb: "sync"}
		s.Pip.Requirements = append(first(a), a.operands...)
		return s
	}
	return nil
}

// pythonicAfter goes on behind an option of python that took a value.
func pythonicAfter(rest []shell.Word, c *shell.Command) *Step {
	inner := *c
	inner.Words = append([]shell.Word{c.Words[0]}, rest...)
	return pythonic(c.Name(), &inner)
}

// first gives the operand that was taken for a verb back.
func first(a args) []shell.Word {
	if a.verb == "" {
		return nil
	}
	return []shell.Word{{Text: a.verb, Known: true}}
}

// environment is the prefix that an interpreter or pip called by path works
// on; "" where it is called by name.
func environment(p string) string {
	if dir := path.Dir(p); path.Base(dir) == "bin" {
		return path.Dir(dir)
	}
	return ""
}

func pip(words []shell.Word, c *shell.Command, env string) *Step {
	a := parse(words, optionsOf["pip"])
	s := &Step{Kind: Python, Manager: "pip", Verb: a.verb, Names: a.operands}
	switch a.verb {
	case "install", "wheel":
		s.pip(a, c, "PIP_")
		if s.Pip.Python = env; a.has("--python") {
			v, _ := a.value("--python")
			s.Pip.Python = v.Text
		}
	case "uninstall":
		s.Remove = true
	default:
		return nil
	}
	return s
}

// afterOperand is what follows the word.
func afterOperand(words []shell.Word, word string) []shell.Word {
	i := slices.IndexFunc(words, func(w shell.Word) bool { return w.Text == word })
	return words[i+1:]
}

// pip sets what pip install and uv pip install have in common.
func (s *Step) pip(a args, c *shell.Command, env string) {
	s.Pip = Pip{
		Requirements:  a.values("-r", "--requirement", "--requirements"),
		Constraints:   a.values("-c", "--constraint", "--constraints"),
		Editables:     a.values("-e", "--editable"),
		FindLinks:     a.values("-f", "--find-links"),
		NoIndex:       a.has("--no-index"),
		NoDeps:        a.has("--no-deps", "--no-dependencies"),
		RequireHashes: a.has("--require-hashes"),
		Upgrade:       a.has("-U", "--upgrade"),
	}
	if v, ok := c.Lookup(env + "CONSTRAINT"); ok && v != "" {
		for w := range strings.FieldsSeq(v) {
			s.Pip.Constraints = append(s.Pip.Constraints, shell.Word{Text: w, Known: true, Line: c.Line})
		}
	}
	if v, ok := c.Lookup(env + "REQUIREMENT"); ok && env == "PIP_" { // pip alone: every option is a variable
		for w := range strings.FieldsSeq(v) {
			s.Pip.Requirements = append(s.Pip.Requirements, shell.Word{Text: w, Known: true, Line: c.Line})
		}
	}
	if v, ok := c.Lookup(env + "FIND_LINKS"); ok {
		for w := range strings.FieldsSeq(v) {
			s.Pip.FindLinks = append(s.Pip.FindLinks, shell.Word{Text: w, Known: true, Line: c.Line})
		}
	}
	on := func(name string) bool {
		v, ok := c.Lookup(env + name)
		return ok && v != "" && v != "0" && !strings.EqualFold(v, "false") && !strings.EqualFold(v, "no")
	}
	s.Pip.NoIndex = s.Pip.NoIndex || on("NO_INDEX")
	s.Pip.RequireHashes = s.Pip.RequireHashes || on("REQUIRE_HASHES")
	s.Pip.NoDeps = s.Pip.NoDeps || on("NO_DEPS")
}

// project reads the managers whose first operand is a verb.
func project(name string, words []shell.Word, c *shell.Command) *Step {
	switch {
	case name == "uv":
		return uv(words, c)
	case name == "uvx":
		return uvx(words)
	case strings.HasPrefix(name, "easy_install"):
		a := parse(words, optionsOf["easy_install"])
		return &Step{Kind: Python, Manager: "easy_install", Verb: "install", Names: append(first(a), a.operands...)}
	case name == "pipx":
		a := parse(words, optionsOf["pipx"])
		s := &Step{Kind: Python, Manager: "pipx", Verb: a.verb, Names: a.operands}
		switch a.verb {
		case "install":
			if spec, ok := a.value("--spec"); ok {
				s.Names = []shell.Word{spec}
			}
		case "inject":
			if len(s.Names) > 0 {
				s.Names = s.Names[1:] // the environment
			}
		case "run":
			s.Names = a.operands[:min(1, len(a.operands))]
		case "uninstall":
			s.Remove = true
		default:
			return nil
		}
		return s
	}
	a := parse(words, optionsOf[name])
	s := &Step{Kind: Project, Manager: name, Verb: a.verb, Names: a.operands}
	switch a.verb {
	case "install", "sync", "add", "update":
	default:
		return nil
	}
	if name == "pipenv" {
		s.Pip.Requirements = a.values("-r", "--requirements")
	}
	return s
}

func uv(words []shell.Word, c *shell.Command) *Step {
	a := parse(words, optionsOf["uv"])
	switch a.verb {
	case "pip":
		sub := a.sub()
		s := &Step{Kind: Python, Manager: "uv pip", Verb: sub, Names: a.operands}
		switch sub {
		case "install":
			s.pip(a, c, "UV_")
		case "sync":
			s.pip(a, c, "UV_")
			s.Pip.Requirements, s.Names = a.operands, nil
		case "uninstall":
			s.Remove = true
		default:
			return nil
		}
		if v, ok := a.value("-p", "--python"); ok {
			s.Pip.Python = v.Text
		}
		return s
	case "tool":
		switch sub := a.sub(); sub {
		case "install":
			s := &Step{Kind: Python, Manager: "uv tool", Verb: sub, Names: append(a.operands, a.values("--with")...)}
			if from, ok := a.value("--from"); ok && len(a.operands) > 0 {
				s.Names = append([]shell.Word{from}, s.Names[1:]...)
			}
			return s
		case "run":
			return uvx(afterOperand(words, "run"))
		}
	case "sync", "add", "run":
		if a.verb == "run" && !a.has("--with") {
			return nil
		}
		s := &Step{Kind: Project, Manager: "uv", Verb: a.verb, Names: a.operands}
		if a.verb == "run" {
			return &Step{Kind: Python, Manager: "uv run", Verb: "run", Names: a.values("--with")}
		}
		return s
	}
	return nil
}

// uvx reads uvx and uv tool run: the tool, and what --with adds.
func uvx(words []shell.Word) *Step {
	n := 0 // the tool's own arguments stand behind its name
	for ; n < len(words); n++ {
		if text := words[n].Text; !strings.HasPrefix(text, "-") {
			n++
			break
		} else if optionsOf["uv"].takes[text] {
			n++
		}
	}
	a := parse(words[:min(n, len(words))], optionsOf["uv"])
	s := &Step{Kind: Python, Manager: "uvx", Verb: "run", Names: first(a)}
	if from, ok := a.value("--from"); ok {
		s.Names = []shell.Word{from}
	}
	s.Names = append(s.Names, a.values("--with")...)
	if len(s.Names) == 0 {
		return nil
	}
	for i := range s.Names { // uvx ruff@0.6.0 is ruff==0.6.0
		if name, version, ok := strings.Cut(s.Names[i].Text, "@"); ok && version != "latest" &&
			!strings.ContainsAny(version, ":/ ") {
			s.Names[i].Text = name + "==" + version
		} else if ok && version == "latest" {
			s.Names[i].Text = name
		}
	}
	return s
}

func conda(name string, words []shell.Word, c *shell.Command) *Step {
	a := parse(words, optionsOf["conda"])
	verb := a.verb
	if verb == "run" { // conda run -n env pip install ...
		inner := *c
		for i, w := range words {
			if rePip.MatchString(path.Base(w.Text)) || rePython.MatchString(path.Base(w.Text)) {
				inner.Words = words[i:]
				return pythonic(inner.Name(), &inner)
			}
		}
		return nil
	}
	if verb == "env" {
		verb = "env " + a.sub()
	}
	s := &Step{Kind: Conda, Manager: name, Verb: verb, Names: a.operands}
	switch verb {
	case "install", "create", "update", "upgrade", "env create", "env update":
		s.Pip.Requirements = a.values("-f", "--file")
		if strings.HasPrefix(verb, "env") {
			s.Names = nil
		}
		if a.has("--all") && verb == "update" {
			s.Names = nil
		}
	case "remove", "uninstall":
		s.Remove, s.Auto = true, true
	default:
		return nil
	}
	return s
}
