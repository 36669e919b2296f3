package cli

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// discover lists the Dockerfiles below a directory, as git sees them: tracked,
// or untracked and not ignored. Outside of a repository, or without git, every
// directory is walked that is not hidden and holds no packages of others.
func discover(dir string) (files []string) {
	// what the repository's own configuration says must not run a program
	out, err := exec.Command("git", "-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit", "-C", dir, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ".").Output()
	if err == nil {
		for name := range strings.SplitSeq(string(out), "\x00") {
			if name != "" && isDockerfile(filepath.Base(name)) {
				files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
			}
		}
		slices.Sort(files)
		return slices.DeleteFunc(slices.Compact(files), func(f string) bool { return !regular(f) })
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be listed holds nothing to check
		case d.IsDir() && name != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "site-packages"):
			return filepath.SkipDir
		case d.Type().IsRegular() && isDockerfile(d.Name()):
			files = append(files, name)
		}
		return nil
	})
	return files
}
