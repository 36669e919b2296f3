package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/buildcontext"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/projects"
)

// Schema is where the JSON Schema of the configuration is: editors read it by the first line
// of the file.
const Schema = "https://raw.githubusercontent.com/tareweight/tare/main/schema/config.json"

func initCommand(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "write a .tare.yaml with comments for what a directory holds",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return initialize(std, analyzers, dir)
		},
	}
}

// initialize writes the configuration of a directory that has none.
func initialize(std Streams, analyzers []*analysis.Analyzer, dir string) error {
	fd := newFinder(context.Background(), std, analyzers, nil, &checkFlags{})
	root, err := fd.root(dir)
	if err != nil {
		return &statusError{Broken, fmt.Errorf("open %q: %w", dir, err)}
	}
	if info, err := root.Stat(dir); err != nil || !info.IsDir() {
		return usage("init wants a directory, and %q is none", dir)
	}
	old, err := fd.read(root, absolute(dir))
	if err != nil {
		return &statusError{Usage, err}
	}
	if old != nil {
		return usage("%s is there already: \"tare config verify\" checks it, \"tare config show\" prints what it sets", display(old.Path))
	}
	found := fd.survey(root, dir)
	if len(found) > config.MaxEntries {
		return usage("%q holds %d Dockerfiles, and a configuration may list %d: write one for a part of it", dir, len(found), config.MaxEntries)
	}
	if chain, err := fd.chain(root, dir); len(found) == 0 && err == nil && len(chain) > 0 {
		return usage("%s lists what is in %q already, or it holds no Dockerfile", display(chain[len(chain)-1].Path), dir)
	}
	if len(found) == 0 {
		return nothing(root, dir)
	}
	text := draft(found)
	if _, err := config.Parse(filepath.Join(dir, ".tare.yaml"), []byte(text), analyzers); err != nil {
		return &statusError{Broken, fmt.Errorf("what init would write is not right: %w", err)}
	}
	path := filepath.Join(dir, ".tare.yaml")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // a link is not followed
	if errors.Is(err, fs.ErrExist) {
		return usage("%s is there already", display(path))
	}
	if err != nil {
		return &statusError{Broken, fmt.Errorf("write %q: %w", path, reason(err))}
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return &statusError{Broken, fmt.Errorf("write %q: %w", path, err)}
	}
	_, err = fmt.Fprintf(std.Out, "%s: written for %d %s; \"tare check %s\" uses it\n", redact.Printable(display(path)), len(found),
		number(len(found), "image", "images"), redact.Printable(display(dir)))
	return err
}

// A surveyed is one image that is built in a directory.
type surveyed struct {
	name, dockerfile, context string // paths relative to the directory
	stage                     string
	stages                    []string // that may ship
	contexts                  map[string]string
	guessed                   bool // the context is not the Dockerfile's directory, and nobody says so
}

// survey finds what is built in a directory: what its compose file says, and the other
// Dockerfiles.
func (fd *finder) survey(root *checkout.Root, dir string) (list []surveyed) {
	rel := func(name string) string {
		r, err := filepath.Rel(absolute(dir), absolute(name))
		if err != nil {
			return name
		}
		return filepath.ToSlash(r)
	}
	known := map[string]bool{}
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"} {
		path := filepath.Join(dir, name)
		if !root.IsRegular(path) {
			continue
		}
		p, err := projects.Reader(root, path)()
		for i := 0; err == nil && i < len(p.Builds); i++ {
			b := p.Builds[i]
			if b.Inline != nil || !root.IsRegular(b.Dockerfile) || !filepath.IsLocal(filepath.FromSlash(rel(b.Dockerfile))) {
				continue
			}
			if src, err := root.ReadFile(b.Dockerfile, dockerfile.MaxSize); err != nil || !ships(src, b.Stage) {
				continue // it is built to develop with, or cannot be read
			}
			if chain, err := fd.chain(root, filepath.Dir(b.Dockerfile)); err == nil && len(builds(chain, b.Dockerfile, build{})) > 0 {
				continue // a configuration above lists it
			}
			known[absolute(b.Dockerfile)] = true
			list = append(list, surveyed{
				name: b.Name, dockerfile: rel(b.Dockerfile), context: rel(b.Context), stage: b.Stage, contexts: b.Contexts,
			})
		}
		break
	}
	for _, f := range discover(root, dir).dockerfiles {
		src, err := root.ReadFile(f, dockerfile.MaxSize)
		if chain, e := fd.chain(root, filepath.Dir(f)); err != nil || known[absolute(f)] || e == nil && len(builds(chain, f, build{})) > 0 {
			continue // or a configuration above lists it
		}
		d, err := dockerfile.Parse(f, src, dockerfile.Options{})
		if err != nil {
			continue
		}
		s := surveyed{dockerfile: rel(f), context: rel(buildcontext.Dir(root, f, src))}
		s.guessed = s.context != rel(filepath.Dir(f))
		for _, leaf := range d.Leaves() {
			if leaf.Name != "" && !dockerfile.Development(leaf.Name) {
				s.stages = append(s.stages, leaf.Name)
			}
		}
		s.name = nameOf(absolute(f), absolute(dir))
		list = append(list, s)
	}
	taken := map[string]bool{}
	for i := range list {
		name := list[i].name
		for n := 2; taken[list[i].name]; n++ {
			list[i].name = name + "-" + strconv.Itoa(n)
		}
		taken[list[i].name] = true
	}
	return list
}

// ships reports whether a stage of a Dockerfile, "" being the last, is one that may ship: it
// is not for development, and no other stage copies what it makes, or is all that stands on it
// and is copied itself.
func ships(src []byte, stage string) bool {
	d, err := dockerfile.Parse("", src, dockerfile.Options{Target: stage})
	if err != nil || dockerfile.Development(stage) {
		return false
	}
	copied := map[*analysis.Stage]bool{}
	on := map[*analysis.Stage][]*analysis.Stage{} // those that stand on a stage, which are later in the file
	for _, s := range d.Stages {
		for _, e := range s.Uses {
			copied[e.Stage] = copied[e.Stage] || e.Kind != analysis.EdgeFrom
		}
		on[s.Parent] = append(on[s.Parent], s)
	}
	may := map[*analysis.Stage]bool{}
	for _, s := range slices.Backward(d.Stages) {
		may[s] = !copied[s] && (len(on[s]) == 0 || slices.ContainsFunc(on[s], func(c *analysis.Stage) bool { return may[c] }))
	}
	return may[d.Target]
}

var reNamePart = regexp.MustCompile(`(?i)^((dockerfile|containerfile)[.\-_]?|(.*)\.dockerfile$)`)

// nameOf is a name for what a Dockerfile makes: of its directory, and of what its own name
// adds.
func nameOf(file, dir string) string {
	own := filepath.Base(file)
	if m := reNamePart.FindStringSubmatch(own); m != nil {
		if own = own[len(m[1]):]; m[3] != "" {
			own = m[3]
		}
	}
	in := filepath.Base(filepath.Dir(file))
	if slices.Contains([]string{"docker", ".docker", "build", "deploy"}, in) && filepath.Dir(file) != dir {
		in = filepath.Base(filepath.Dir(filepath.Dir(file)))
	}
	switch {
	case own == "" || own == in:
		return in
	case filepath.Dir(file) == dir:
		return own
	}
	return in + "-" + own
}

// draft is the text of a configuration for what was found.
func draft(list []surveyed) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n"+
		"# What Tare checks here, and how: https://github.com/tareweight/tare#configuration\n\n", Schema)
	if len(list) == 1 && filepath.Dir(list[0].dockerfile) == "." {
		one(&b, list[0])
	} else {
		b.WriteString("# Each image that is built here. A Dockerfile that no target names is checked too.\ntargets:\n")
		for i, s := range list {
			fmt.Fprintf(&b, "  - name: %s\n    dockerfile: %s\n", strconv.Quote(s.name), strconv.Quote(s.dockerfile))
			if keys(&b, "    ", s); i == 0 {
				imageKey(&b, "    ", s)
			}
		}
	}
	b.WriteString(`
# Dockerfiles that are not checked, as patterns of .dockerignore.
# exclude: [examples, "**/testdata/**"]

# How large an image may be; "tare check --image REF" says what it is.
# sizebudget:
#   download: 100 MB
#   unpacked: 300 MB

# The lowest severity that fails: error, warning, note or never.
# fail-on: warning

# Severities: error, warning, note, off, on; "tare list" has all rules.
# rules:
#   slimbase-undigested: off

# Findings that are accepted, each with a reason.
# ignore:
#   - rule: pinned-requirement
#     path: tools/**
#     until: 2027-01-31
#     reason: nobody ships these
`)
	return b.String()
}

// one writes the keys of the only Dockerfile, which lies beside the file.
func one(b *strings.Builder, s surveyed) {
	b.WriteString("# The Dockerfile beside this file.\n")
	if !slices.Contains(usual, s.dockerfile) {
		fmt.Fprintf(b, "dockerfile: %s\n", strconv.Quote(s.dockerfile))
	}
	keys(b, "", s)
	imageKey(b, "", s)
}

// imageKey writes what adds the built image, as a comment.
func imageKey(b *strings.Builder, indent string, s surveyed) {
	name := reNoName.ReplaceAllString(strings.ToLower(s.name), "-")
	fmt.Fprintf(b, "%s# image: registry.example.com/%s:latest # what was built: it says what the Dockerfile cannot\n", indent, name)
}

var reNoName = regexp.MustCompile(`[^a-z0-9._-]+`)

// keys writes how one image is built, each line behind indent.
func keys(b *strings.Builder, indent string, s surveyed) {
	if own := filepath.ToSlash(filepath.Dir(s.dockerfile)); s.context != own {
		why := ""
		if s.guessed {
			why = " # it holds what the Dockerfile copies"
		}
		fmt.Fprintf(b, "%scontext: %s%s\n", indent, strconv.Quote(s.context), why)
	}
	if len(s.contexts) > 0 {
		fmt.Fprintf(b, "%scontexts:\n", indent)
		for _, name := range slices.Sorted(maps.Keys(s.contexts)) {
			fmt.Fprintf(b, "%s  %s: %s\n", indent, strconv.Quote(name), strconv.Quote(s.contexts[name]))
		}
	}
	switch {
	case s.stage != "":
		fmt.Fprintf(b, "%sstage: %s\n", indent, strconv.Quote(s.stage))
	case len(s.stages) > 1:
		fmt.Fprintf(b, "%s# stage: %s # the one that ships, of %s; default: the last\n", indent, strconv.Quote(s.stages[len(s.stages)-1]),
			strings.Join(s.stages, ", "))
	}
}
