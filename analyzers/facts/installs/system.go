package installs

import (
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/facts/shell"
)

// system reads the package managers of distributions.
func system(name string, c *shell.Command) *Step {
	words := c.Words[1:]
	s := &Step{Kind: System}
	switch name {
	case "apt-get", "apt", "aptitude":
		s.Manager = "apt"
		a := parse(words, optionsOf["apt"])
		s.Verb = a.verb
		switch a.verb {
		case "install", "satisfy", "reinstall":
			s.Names = a.operands
		case "build-dep":
			s.Names = []shell.Word{{Text: "build-essential", Known: true, Line: c.Line}}
		case "remove", "purge", "autoremove", "auto-remove", "autopurge":
			s.Remove, s.Names = true, a.operands
			s.Auto = strings.HasPrefix(a.verb, "auto") || a.has("--auto-remove", "--autoremove")
		default:
			return nil
		}
	case "apt-mark":
		a := parse(words, optionsOf["apt"])
		if a.verb != "auto" && a.verb != "manual" {
			return nil
		}
		return &Step{Kind: System, Manager: "apt", Verb: a.verb, Mark: true, Remove: a.verb == "auto", Names: a.operands}
	case "apk":
		s.Manager = "apk"
		a := parse(words, optionsOf["apk"])
		s.Verb = a.verb
		switch a.verb {
		case "add":
			s.Names = a.operands
			if v, ok := a.value("-t", "--virtual"); ok {
				s.Virtual = v.Text
			}
		case "del":
			s.Remove, s.Auto, s.Names = true, true, a.operands
		default:
			return nil
		}
	case "yum", "dnf", "dnf5", "microdnf", "tdnf":
		s.Manager = "dnf"
		a := parse(words, optionsOf["dnf"])
		if a.verb == "group" {
			a.verb += a.sub()
		}
		s.Verb = a.verb
		switch a.verb {
		case "install", "localinstall", "reinstall", "builddep", "in":
			s.Names = a.operands
		case "groupinstall":
			for _, w := range a.operands {
				w.Text = "@" + w.Text
				s.Names = append(s.Names, w)
			}
		case "remove", "erase", "autoremove", "rm":
			s.Remove, s.Auto, s.Names = true, true, a.operands
		case "history": // undo, rollback: what this RUN installed goes, whatever it is
			if v := a.sub(); v != "undo" && v != "rollback" {
				return nil
			}
			s.Verb, s.Remove, s.Auto, s.Names = "history undo", true, true, []shell.Word{{Line: c.Line}}
		default:
			return nil
		}
	case "zypper":
		s.Manager = "zypper"
		a := parse(words, optionsOf["zypper"])
		s.Verb = a.verb
		switch a.verb {
		case "install", "in":
			s.Names = a.operands
		case "remove", "rm":
			s.Remove, s.Auto, s.Names = true, a.has("-u", "--clean-deps"), a.operands
		default:
			return nil
		}
	case "pacman":
		s.Manager = "pacman"
		a := parse(words, optionsOf["pacman"])
		names := a.operands
		if a.verb != "" {
			names = append([]shell.Word{{Text: a.verb, Known: true, Line: c.Line}}, names...)
		}
		switch {
		case a.has("-S", "--sync"):
			s.Verb, s.Names = "install", names
		case a.has("-R", "--remove"):
			s.Verb, s.Remove, s.Auto, s.Names = "remove", true, a.has("-s"), names
		default:
			return nil
		}
	case "rpm", "dpkg":
		a := parse(words, optionsOf["rpm"])
		if !a.has("-e", "--erase", "-P", "--purge", "-r", "--remove") || name == "dpkg" && a.has("-i", "--install") {
			return nil
		}
		s.Manager, s.Verb, s.Remove = map[string]string{"rpm": "dnf", "dpkg": "apt"}[name], "remove", true
		if s.Names = a.operands; a.verb != "" {
			s.Names = append([]shell.Word{{Text: a.verb, Known: true, Line: c.Line}}, s.Names...)
		}
	case "rm":
		a := parse(words, optionTable{})
		if !a.has("-r", "-R", "--recursive") {
			return nil
		}
		s.Manager, s.Verb, s.Remove = "rm", "rm", true
		if a.verb != "" {
			a.operands = append([]shell.Word{{Text: a.verb, Known: true}}, a.operands...)
		}
		for _, w := range a.operands {
			if w.Known {
				s.Paths = append(s.Paths, absolute(c, w.Text))
			}
		}
	default:
		return nil
	}
	return s
}

// absolute is p from the command's working directory; "" where that is unknown.
func absolute(c *shell.Command, p string) string {
	if rest, ok := strings.CutPrefix(p, "~"); ok {
		p = "/root" + rest
	}
	if !path.IsAbs(p) {
		if !c.DirKnown {
			return ""
		}
		p = path.Join(c.Dir, p)
	}
	return path.Clean(p)
}

var versionMark = regexp.MustCompile(`[=<>~]`)

// PackageName is the name of a system package without version, architecture
// and release: gcc for "gcc=4:12.2", "gcc:amd64", "gcc/bookworm", "gcc~=12".
func PackageName(manager, word string) string {
	if i := versionMark.FindStringIndex(word); i != nil {
		word = word[:i[0]]
	}
	switch manager {
	case "apt":
		word, _, _ = strings.Cut(word, ":")
		word, _, _ = strings.Cut(word, "/")
		if strings.HasSuffix(word, "+") && !strings.HasSuffix(word, "++") {
			word = strings.TrimSuffix(word, "+")
		}
	case "apk":
		word, _, _ = strings.Cut(word, "@")
	case "dnf":
		for _, arch := range []string{".x86_64", ".aarch64", ".noarch", ".i686"} {
			word = strings.TrimSuffix(word, arch)
		}
	}
	return word
}
