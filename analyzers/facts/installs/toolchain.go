package installs

import (
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/facts/shell"
)

var (
	reRustup = regexp.MustCompile(`sh\.rustup\.rs|rustup-init|static\.rust-lang\.org/rustup`)
	reGo     = regexp.MustCompile(`(go\.dev/dl|golang\.org/dl|dl\.google\.com/go|storage\.googleapis\.com/golang)/go\d`)
)

// toolchain reads compilers that come with installers of their own.
func toolchain(name string, c *shell.Command) *Step {
	s := &Step{Kind: Toolchain, Verb: "install"}
	text := c.String()
	switch {
	case name == "rustup-init", shellPipe(c, name) && reRustup.MatchString(c.PipeFrom.String()):
		s.Manager = "rustup"
		s.Paths = []string{home(c, "CARGO_HOME", "/root/.cargo"), home(c, "RUSTUP_HOME", "/root/.rustup")}
		if strings.Contains(text, "--default-toolchain none") || strings.Contains(text, "--default-toolchain=none") {
			return nil
		}
	case name == "rustup" && len(c.Words) > 1:
		switch c.Words[1].Text {
		case "install", "default", "toolchain":
			if c.Words[1].Text == "toolchain" && (len(c.Words) < 3 || c.Words[2].Text != "install") {
				return nil
			}
			s.Manager = "rustup"
			s.Paths = []string{home(c, "CARGO_HOME", "/root/.cargo"), home(c, "RUSTUP_HOME", "/root/.rustup")}
		case "self":
			s.Manager, s.Verb, s.Remove = "rm", "uninstall", true
			s.Paths = []string{home(c, "CARGO_HOME", "/root/.cargo"), home(c, "RUSTUP_HOME", "/root/.rustup")}
			return s
		default:
			return nil
		}
	case name == "sdk" && len(c.Words) > 2 && c.Words[1].Text == "install" && c.Words[2].Text == "java": // sdkman.io
		s.Manager = "sdkman"
		s.Paths = []string{home(c, "SDKMAN_DIR", "/root/.sdkman")}
	case name == "tar" && c.PipeFrom != nil && reGo.MatchString(c.PipeFrom.String()):
		s.Manager = "go"
		s.Paths = []string{"/usr/local/go"}
		a := parse(c.Words[1:], optionsOf["tar"])
		if dir, ok := a.value("-C", "--directory"); ok && dir.Known {
			s.Paths = []string{path.Join(absolute(c, dir.Text), "go")}
		}
	default:
		return nil
	}
	s.Names = []shell.Word{{Text: s.Manager, Known: true, Line: c.Line}}
	return s
}

func shellPipe(c *shell.Command, name string) bool {
	return c.PipeFrom != nil && (name == "sh" || name == "bash" || name == "ash" || name == "dash")
}

// home is the directory that a variable names, or its default.
func home(c *shell.Command, variable, otherwise string) string {
	if v, ok := c.Lookup(variable); ok && v != "" {
		return path.Clean(v)
	}
	return otherwise
}
