package pinned

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

// exports are the locks of which each tool's export makes requirements.
var exports = map[string]string{"uv": "uv.lock", "poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}

var reCompile = regexp.MustCompile(`^(pip-compile|uv pip compile)\b`)

// exported judges requirements that a command makes for the install s: of a lock
// they are as exact as that, and of what a tool resolves on the day of the build
// they are not. It is false for any other command.
func (c *check) exported(s *installs.Step, from *shell.Command) bool {
	name := from.Name()
	is := func(verb string) bool {
		return slices.ContainsFunc(from.Words[1:], func(w shell.Word) bool { return w.Text == verb })
	}
	switch {
	case exports[name] != "" && (is("export") || name == "pipenv" && (is("requirements") || is("lock"))):
		lock := exports[name]
		step := &installs.Step{Command: from}
		switch c.reaches(step, lock) {
		case no:
			c.reportUnlocked(step, "", fmt.Sprintf("%s export resolves anew, as no %s reaches it: COPY %s", name, lock, lock))
		case unknown:
			c.pass.Undecided(unlocked, s, fmt.Sprintf("whether %s reaches %s of line %d is not known", lock, name, from.Line))
		}
		return true
	case reCompile.MatchString(from.String()):
		c.reportUnlocked(&installs.Step{Command: from}, "",
			fmt.Sprintf("%s resolves anew in each build: compile once, commit the result, and install from that", name))
		return true
	}
	return false
}
