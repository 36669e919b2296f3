package swap

import (
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// maxScript is how many bytes of an entrypoint's script are read.
const maxScript = 64 << 10

// scripts are where the scripts of entrypoints are, by custom.
func scripts() (wants []analysis.Want) {
	for _, glob := range []string{
		"**/*entrypoint*", "*.sh", "app/*.sh", "code/*.sh", "srv/*.sh", "opt/*.sh", "app/bin/*.sh", "app/scripts/*.sh",
		"usr/local/bin/*.sh", "usr/bin/*.sh",
	} {
		wants = append(wants, analysis.Want{Glob: glob, Max: maxScript})
	}
	return wants
}

// commandPaths are where a command is looked for.
var commandPaths = []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"}

// commands finds the commands of the base that the entrypoint runs, and its script: a word where a
// command may stand that is the name of a program of the base.
func (c *comparison) commands() {
	if c.image.Config == nil {
		return
	}
	conf := c.image.Config.Config
	argv := append(append([]string{}, conf.Entrypoint...), conf.Cmd...)
	for i, word := range argv {
		if i == 0 || path.IsAbs(word) {
			c.command(word, nil)
		}
		if i > 1 && argv[i-1] == "-c" && reShell.MatchString(argv[i-2]) {
			c.script(word, nil)
		}
		f := c.program(word)
		if f == nil && !path.IsAbs(word) {
			f = c.image.Inode(path.Join("/", conf.WorkingDir, word))
		}
		if f != nil && f.Kind == analysis.KindScript && !f.Layer.Base && f.Contents != nil {
			c.script(string(f.Contents), f)
		}
	}
}

// program is the file of a command; nil if there is none.
func (c *comparison) program(name string) *analysis.File {
	if strings.Contains(name, "/") {
		return c.image.Inode(name)
	}
	for _, dir := range commandPaths {
		if f := c.image.Inode(dir + "/" + name); f != nil && f.Mode.IsRegular() && f.Mode&0o111 != 0 {
			return f
		}
	}
	return nil
}

// command notes one command.
func (c *comparison) command(name string, by *analysis.File) {
	if f := c.program(name); f != nil && f.Layer.Base && !c.names[path.Base(name)] {
		c.use(c.set.Owner(f), path.Base(name), by)
	}
}

// maxWords is how many commands of a script are looked for.
const maxWords = 1000

// reCommand is a word where a command may stand: at the beginning of a line or behind what ends or
// introduces a command, past assignments.
var reCommand = regexp.MustCompile(
	`(?m)(?:^|[;&|({` + "`" + `]|\b(?:then|do|else|elif|if|while|until|exec|eval|command|nohup|time|xargs|sudo|env)\b|!)` +
		`[ \t]*(?:[A-Za-z_]\w*=\S*[ \t]+)*([A-Za-z0-9_./+-]+)`)

// script notes the commands of a shell script.
func (c *comparison) script(text string, by *analysis.File) {
	seen := map[string]bool{}
	for _, m := range reCommand.FindAllStringSubmatch(reComment.ReplaceAllString(text, ""), maxWords) {
		if name := m[1]; !seen[name] {
			seen[name] = true
			c.command(name, by)
		}
	}
}

var reShell = regexp.MustCompile(`(^|/)(ba|da|a|z|k)?sh$`)

var reComment = regexp.MustCompile(`(?m)(?:^|\s)#.*$`)
