package cli

import (
	"errors"
	"fmt"
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
	changed := map[string][]string{} // by the top of the repository
	var left []string
	var err error
	fd.targets = slices.DeleteFunc(fd.targets, func(t target) bool {
		touched := false
		for _, part := range t.files {
			root, e := fd.root(part)
			if e != nil || err != nil {
				continue
			}
			list, ok := changed[root.Dir()]
			if !ok {
				if list, e = changedFiles(root.Dir(), ref); e != nil {
					err = e
				}
				changed[root.Dir()] = list
			}
			touched = touched || slices.ContainsFunc(list, func(name string) bool { return within(name, part) })
		}
		leave := !touched && t.Err == nil && len(t.files) > 0 // an image is in no commit: it may have changed
		if leave {
			left = append(left, t.Name)
		}
		return leave
	})
	if err != nil {
		return &statusError{Usage, err}
	}
	if len(left) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf("left out, as nothing of it has changed since %s: %s", ref, analysis.And(left, 20)))
	}
	return nil
}

// changedFiles are the absolute paths of the files that are not as they were in a commit:
// where it and the present one have a common ancestor, in that.
func changedFiles(top, ref string) (files []string, err error) {
	rev, err := newRevision(top, "--since", ref, nil)
	if err != nil {
		return nil, err
	}
	from := rev.commit
	if out, err := git(top, "merge-base", from, "HEAD"); err == nil {
		from = strings.TrimSpace(string(out))
	} else if errors.As(err, new(*command.TimeError)) {
		return nil, err
	}
	for _, args := range [][]string{
		{"diff", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "-z", from, "--"},
		{"ls-files", "--others", "--exclude-standard", "-z"},
	} {
		out, err := git(top, args...)
		if err != nil {
			return nil, fmt.Errorf("list what has changed since %q: %w", ref, err)
		}
		for name := range strings.SplitSeq(string(out), "\x00") {
			if name != "" {
				files = append(files, filepath.Join(top, filepath.FromSlash(name)))
			}
		}
	}
	return files, nil
}
