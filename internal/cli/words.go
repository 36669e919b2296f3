package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

// suggest is `, did you mean "x"` for a word that is nearly one of names.
func suggest(word string, names []string) string {
	best := slices.MinFunc(names, func(a, b string) int { return config.Distance(word, a) - config.Distance(word, b) })
	if config.Distance(word, best) > max(1, len(word)/3) {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", best)
}

// number is the word for one, or for several.
func number(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// unknownCommand refuses what is no subcommand of cmd. A path or an image is what
// check takes.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if _, err := os.Lstat(args[0]); !cmd.HasParent() && (err == nil || source.IsReference(args[0])) {
		return usage("no command %q: to check it, write %q", args[0], "tare check "+args[0])
	}
	hint := suggest(args[0], names)
	if hint == "" {
		hint = ": want one of " + strings.Join(names, ", ")
	}
	return usage("unknown command %q of %q%s", args[0], cmd.CommandPath(), hint)
}

// refuseTopics makes "tare help" of what is no command wrong usage: cobra shows the help of tare.
func refuseTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		return
	}
	help.Args = func(_ *cobra.Command, topic []string) error {
		cmd, rest, err := root.Find(topic)
		if err == nil && cmd.HasSubCommands() {
			err = unknownCommand(cmd, rest)
		}
		return err
	}
}

// complete offers the values that a flag can have to a shell.
func complete(cmd *cobra.Command, analyzers []*analysis.Analyzer) {
	var severities []string
	for _, s := range analysis.Severities {
		severities = append(severities, string(s))
	}
	names := ruleNames(analyzers)
	for flag, values := range map[string][]string{
		"only": names, "skip": names, "fail-on": append(severities, "never"), "format": report.Names(),
	} {
		err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		if err != nil {
			panic(err) // there is no such flag
		}
	}
}

// ruleNames are the checks and their rules, as --only takes them.
func ruleNames(analyzers []*analysis.Analyzer) (names []string) {
	for _, a := range analyzers {
		names = append(names, a.Name)
		for _, r := range a.Rules {
			names = append(names, r.ID)
		}
	}
	return names
}

// others are flags of other tools, each with what does the same here.
var others = map[string]string{
	"ignore":           "--skip RULE leaves a rule out",
	"ignorefile":       "skip: in .tare.yaml leaves rules out",
	"exclude":          "--skip RULE leaves a rule out",
	"select":           "--only RULE runs a rule alone",
	"exit-code":        "--fail-on says from which severity the exit status is 1, never is none",
	"exit-zero":        "--fail-on never ends with 0 whatever is found",
	"no-fail":          "--fail-on never ends with 0 whatever is found",
	"severity":         "--fail-on says which severity fails, --notes shows notes",
	"fail-threshold":   "--fail-on says which severity fails",
	"output-format":    "-f FORMAT, or -f FORMAT=FILE",
	"trusted-registry": "--trust-registry HOST lets a configuration name images there",
	"file":             "name the Dockerfile as an argument",
}

var reFlag = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)

// flagError is what is wrong with a flag: where another one is meant, which.
func flagError(cmd *cobra.Command, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return &statusError{Usage, err}
	}
	if other := others[name]; other != "" {
		return usage("unknown flag --%s: %s", name, other)
	}
	var names []string
	for _, m := range reFlag.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1) {
		names = append(names, m[1])
	}
	hint := ""
	if len(names) > 0 {
		hint = suggest(name, names)
	}
	return usage("unknown flag --%s%s: %q lists them", name, hint, cmd.CommandPath()+" --help")
}

// strange are endings of files that are neither Dockerfiles nor files of
// requirements, whatever else they are.
var strange = []string{".json", ".yaml", ".yml", ".toml", ".py", ".js", ".ts", ".md", ".sh", ".html", ".xml", ".lock"}

var reNamed = regexp.MustCompile(`(?i)^(docker|container)file`)

// mistaken says what is given in the place of a Dockerfile and what to write, ""
// if it may be one.
func mistaken(root *checkout.Root, name string) string {
	head := make([]byte, 512) // of a tar archive: one header (POSIX.1-1988, ustar)
	if f, err := root.Open(name); err == nil {
		n, _ := f.Read(head)
		head = head[:n]
		f.Close()
	}
	switch {
	case isArchive(head), strings.HasSuffix(name, ".tar"):
		return fmt.Sprintf(`is an archive: if it holds an image, write "docker-archive:%s" (docker save) or "oci-archive:%[1]s"`, name)
	case slices.Contains(strange, strings.ToLower(filepath.Ext(name))) && !reNamed.MatchString(filepath.Base(name)):
		return "is neither a Dockerfile nor a file of Python requirements, nor a lock file that is read"
	}
	return ""
}

// isArchive reports whether a file that begins so is a tar archive, or compressed.
func isArchive(head []byte) bool {
	return len(head) > 262 && string(head[257:262]) == "ustar" || bytes.HasPrefix(head, []byte{0x1f, 0x8b})
}

// nothing says why a directory has nothing to check.
func nothing(root *checkout.Root, dir string) error {
	if root.IsRegular(filepath.Join(dir, "oci-layout")) {
		return usage("%q is an OCI layout, an image: write %q", dir, "oci:"+filepath.Clean(dir))
	}
	return usage("nothing to check in %q: no Dockerfile, no Containerfile, no manifest of Kubernetes", dir)
}

// writable says what keeps a report from being written to a file, before anything
// is judged.
func writable(file string) error {
	dir := filepath.Dir(file)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return usage("the report cannot be written to %q: there is no directory %q", file, dir)
	case err == nil && !info.IsDir():
		return usage("the report cannot be written to %q: %q is no directory", file, dir)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return usage("the report cannot be written to %q: it is a directory", file)
	}
	return nil
}
