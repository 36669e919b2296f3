package cli

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/command"
	"github.com/tareweight/tare/internal/config"
)

// A found is what a directory holds to check.
type found struct {
	dockerfiles []string
	manifests   []string // files that may be manifests of Kubernetes, by their names
	configured  []string // directories with a file that may be a configuration
	remark      string   // says that git did not answer
}

// discover lists the Dockerfiles below a directory, as git sees them: tracked,
// or untracked and not ignored. Outside of a repository, or without git, every
// directory is walked that is not hidden and holds no packages of others.
func discover(root *checkout.Root, dir string) (found found) {
	add := func(name string) {
		if isDockerfile(filepath.Base(name)) {
			found.dockerfiles = append(found.dockerfiles, name)
		}
		if isManifest(name) {
			found.manifests = append(found.manifests, name)
		}
		if slices.Contains(config.Names, filepath.Base(name)) {
			found.configured = append(found.configured, filepath.Dir(name))
		}
	}
	out, err := git(dir, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ".")
	if err == nil {
		for name := range strings.SplitSeq(string(out), "\x00") {
			if name != "" {
				add(filepath.Join(dir, filepath.FromSlash(name)))
			}
		}
		found.dockerfiles, found.manifests = present(root, found.dockerfiles), present(root, found.manifests)
		return found
	}
	if errors.As(err, new(*command.TimeError)) || errors.As(err, new(*command.OutputError)) {
		found.remark = "the directories are walked, as " + err.Error() + ": files that git ignores are checked too"
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be listed holds nothing to check
		case d.IsDir() && name != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "site-packages"):
			return filepath.SkipDir
		case !d.IsDir():
			add(name)
		}
		return nil
	})
	found.dockerfiles, found.manifests = present(root, found.dockerfiles), present(root, found.manifests)
	return found
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

// usual are the names of which "docker build DIR" and "podman build DIR" take the first that is there.
var usual = []string{"Dockerfile", "Containerfile"}

// template is what something else makes a Dockerfile of.
var template = regexp.MustCompile(
	`(?i)\.(j2|jinja2?|tmpl|tpl|template|erb|mustache|ejs|in|md|rst|txt|py|sh|go|js|orig|bak)$`,
)

func isDockerfile(name string) bool {
	if strings.HasSuffix(name, ".dockerignore") || template.MatchString(name) {
		return false
	}
	lower := strings.ToLower(name)
	return lower == "dockerfile" || lower == "containerfile" || strings.HasPrefix(name, "Dockerfile.") ||
		strings.HasPrefix(name, "Dockerfile-") ||
		strings.HasPrefix(name, "Dockerfile_") ||
		strings.HasPrefix(name, "Containerfile.") ||
		strings.HasSuffix(lower, ".dockerfile")
}
