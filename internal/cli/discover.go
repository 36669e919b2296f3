package cli

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/command"
)

// discover lists the Dockerfiles below a directory, as git sees them: tracked,
// or untracked and not ignored. Outside of a repository, or without git, every
// directory is walked that is not hidden and holds no packages of others. The
// remark says that it was so because git did not answer.
func discover(root *checkout.Root, dir string) (files []string, remark string) {
	out, err := git(dir, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ".")
	if err == nil {
		for name := range strings.SplitSeq(string(out), "\x00") {
			if name != "" && isDockerfile(filepath.Base(name)) {
				files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
			}
		}
		return present(root, files), ""
	}
	if errors.As(err, new(*command.TimeError)) || errors.As(err, new(*command.OutputError)) {
		remark = "the directories are walked, as " + err.Error() + ": files that git ignores are checked too"
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be listed holds nothing to check
		case d.IsDir() && name != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "site-packages"):
			return filepath.SkipDir
		case !d.IsDir() && isDockerfile(d.Name()):
			files = append(files, name)
		}
		return nil
	})
	return present(root, files), remark
}

// present sorts the files, without those that are deleted and not yet committed
// and those that are directories.
func present(root *checkout.Root, files []string) []string {
	slices.Sort(files)
	return slices.DeleteFunc(slices.Compact(files), func(f string) bool {
		info, err := root.Stat(f)
		return errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir()
	})
}
