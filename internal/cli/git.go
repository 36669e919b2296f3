package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/command"
)

// limits of git: a pipe in the place of a .gitignore holds it for ever.
// It fetches nothing that the repository lacks: the repository's own configuration
// says from where, and by which program.
var limits = command.Limits{
	Time:   10 * time.Second,
	Output: 64 << 20,
	Memory: 256 << 20,
	Env:    []string{"GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0"},
}

// git runs git in dir and returns what it prints. What the repository's own
// configuration says must not run a program.
func git(dir string, args ...string) ([]byte, error) { return gitWith(nil, dir, args...) }

// gitWith is git with settings over those of the repository, of any name.
func gitWith(settings map[string]string, dir string, args ...string) ([]byte, error) {
	with := limits
	with.Env = slices.Clone(with.Env)
	if len(settings) > 0 { // -c takes no name with a "="
		with.Env = append(with.Env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)))
		for i, name := range slices.Sorted(maps.Keys(settings)) {
			with.Env = append(with.Env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, name), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, settings[name]))
		}
	}
	return command.Run(
		context.Background(),
		with,
		nil,
		"git",
		append([]string{"-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit", "-C", dir}, args...)...)
}

// remote is the path of the repository that a checkout is of, as its remote says: each checkout has the same; "" if it has none.
func (fd *finder) remote(root *checkout.Root) string {
	if name, ok := fd.remotes[root]; ok {
		return name
	}
	out, err := git(root.Dir(), "config", "--get", "remote.origin.url")
	name := ""
	if err == nil {
		url := strings.TrimSuffix(strings.TrimRight(strings.TrimSpace(string(out)), "/"), ".git")
		name = path.Join("/", strings.ReplaceAll(url, ":", "/"))
	}
	fd.remotes[root] = name
	return name
}

// A revision is a commit of which files are read as they are there, not as they lie in
// the checkout.
type revision struct {
	top    string            // of the repository
	commit string            // its full digest
	blobs  map[string]string // object by path, relative to the top
}

// commit is the full digest of the commit that a flag names.
func commit(top, flag, ref string) (string, error) {
	out, err := git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if errors.As(err, new(*command.TimeError)) {
		return "", err
	}
	if err != nil {
		if _, e := git(top, "rev-parse", "--git-dir"); e != nil {
			return "", usage("%s %q: %q is in no git repository", flag, ref, top)
		}
		return "", usage("%s %q: no such commit in %q: name a branch, a tag or a commit that was fetched", flag, ref, top)
	}
	return strings.TrimSpace(string(out)), nil
}

// newRevision finds the commit that a flag names, and in it the regular files of those
// names.
func newRevision(top, flag, ref string, names []string) (*revision, error) {
	digest, err := commit(top, flag, ref)
	if err != nil {
		return nil, err
	}
	r := &revision{top, digest, map[string]string{}}
	out, err := git(top, "ls-tree", "-r", "-z", "--full-tree", r.commit)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.commit, err)
	}
	for line := range strings.SplitSeq(string(out), "\x00") {
		if info, name, ok := strings.Cut(line, "\t"); ok && slices.Contains(names, path.Base(name)) {
			if f := strings.Fields(info); len(f) == 3 && f[1] == "blob" && f[0] != "120000" { // no symbolic link
				r.blobs[name] = f[2]
			}
		}
	}
	return r, nil
}

// read returns a file of the commit, whose path is relative to the top. The error is
// fs.ErrNotExist where it has none.
func (r *revision) read(name string, limit int) ([]byte, error) {
	id, ok := r.blobs[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	text, err := git(r.top, "cat-file", "blob", id)
	if err == nil && len(text) > limit {
		err = &checkout.SizeError{Size: int64(len(text)), Limit: int64(limit)}
	}
	if err != nil {
		err = fmt.Errorf("read %q of %s: %w", name, r.commit, err)
	}
	return text, err
}
