package cli

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/buildcontext"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/command"
	"github.com/tareweight/tare/internal/config"
)

// parts are the absolute paths of what a Dockerfile's image is made of: itself, what it
// copies of its context, and the configuration. A directory stands for all that is in it.
func (fd *finder) parts(root *checkout.Root, chain []*config.File, name, dir string, src []byte, guessed bool) []string {
	file := absolute(filepath.FromSlash(name))
	parts := []string{file, file + ".dockerignore", filepath.Join(absolute(dir), ".dockerignore")}
	for _, f := range chain {
		parts = append(parts, absolute(filepath.FromSlash(f.Path)))
	}
	for _, d := range config.Directories(root, filepath.Dir(file)) { // one that is gone, too
		for _, name := range config.Names {
			parts = append(parts, filepath.Join(d, name))
		}
	}
	if fd.flags.since == "" {
		return parts
	}
	sources, known := buildcontext.Sources(src)
	if !known {
		return append(parts, absolute(dir))
	}
	dirs := []string{absolute(dir)}
	if guessed { // what is gone cannot tell which directory held it
		dirs = config.Directories(root, filepath.Dir(file))
	}
	for _, s := range sources {
		for strings.ContainsAny(s, `*?[\`) { // what a pattern may name
			s = path.Dir(s)
		}
		for _, d := range dirs {
			if d == absolute(dir) || path.Clean(s) != "." {
				parts = append(parts, filepath.Join(d, filepath.FromSlash(s)))
			}
		}
	}
	return parts
}

// touched leaves the targets that --since asks for: those of which a part has changed.
func (fd *finder) touched() error {
	ref := fd.flags.since
	if ref == "" {
		return nil
	}
	changed := map[string]map[string]bool{} // files, and the directories that they are in, by the top of the repository
	var left []string
	var err error
	fd.targets = slices.DeleteFunc(fd.targets, func(t target) bool {
		if err != nil || t.Err != nil || len(t.files) == 0 { // an image is in no commit: it may have changed
			return false
		}
		root, e := fd.root(filepath.Dir(t.files[0]))
		if e != nil { // it cannot be told
			return false
		}
		set, ok := changed[root.Dir()]
		if !ok {
			if set, err = changedFiles(root.Dir(), ref); err != nil {
				return false
			}
			changed[root.Dir()] = set
		}
		changes := func(part string) bool { return set[part] }
		if slices.ContainsFunc(t.files, changes) || slices.ContainsFunc(t.shared, changes) {
			return false
		}
		left = append(left, t.Name)
		return true
	})
	if err != nil {
		return &statusError{Usage, err}
	}
	if len(left) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf("left out, as nothing of it has changed since %s: %s", ref, analysis.And(left, 20)))
	}
	return nil
}

// noFilters are the settings that keep git from running the filters that the repository's
// configuration names, as it compares files: of one that has such a filter the file then looks
// changed.
func noFilters(top string) (settings map[string]string, err error) {
	out, err := git(top, "config", "-z", "--name-only", "--get-regexp", `^filter\..*\.(clean|smudge|process|required)$`)
	if none := (*exec.ExitError)(nil); errors.As(err, &none) && none.ExitCode() == 1 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the filters of %q: %w", top, err)
	}
	settings = map[string]string{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		switch {
		case name == "":
		case strings.HasSuffix(name, ".required"):
			settings[name] = "false"
		default:
			settings[name] = ""
		}
	}
	if len(settings) > maxFilters {
		return nil, fmt.Errorf("the configuration of %q has filters with more than the limit of %d settings", top, maxFilters)
	}
	return settings, nil
}

// maxFilters is how many settings of filters are turned off.
const maxFilters = 100

// changedFiles are the absolute paths of the files that are not as they were in a commit, and
// of the directories that they are in: where it and the present one have a common ancestor, in
// that.
func changedFiles(top, ref string) (map[string]bool, error) {
	files := map[string]bool{}
	from, err := commit(top, "--since", ref)
	if err != nil {
		return nil, err
	}
	if out, err := git(top, "merge-base", from, "HEAD"); err == nil {
		from = strings.TrimSpace(string(out))
	} else if errors.As(err, new(*command.TimeError)) {
		return nil, err
	}
	unfiltered, err := noFilters(top)
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"diff", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "-z", from, "--"},
		{"ls-files", "--others", "--exclude-standard", "-z"},
	} {
		out, err := gitWith(unfiltered, top, args...)
		if err != nil {
			return nil, fmt.Errorf("list what has changed since %q: %w", ref, err)
		}
		for name := range strings.SplitSeq(string(out), "\x00") {
			if name != "" {
				for at := filepath.Join(top, filepath.FromSlash(name)); at != top && !files[at]; at = filepath.Dir(at) {
					files[at] = true
				}
				files[top] = true
			}
		}
	}
	return files, nil
}
