package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
func git(dir string, args ...string) ([]byte, error) {
	return command.Run(
		context.Background(),
		limits,
		nil,
		"git",
		append([]string{"-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit", "-C", dir}, args...)...)
}

// A revision is the commit that --config-ref names: configurations are read as
// they are there, not as they lie in the checkout.
type revision struct {
	top    string // of the repository
	commit string
}

func newRevision(top, ref string) (*revision, error) {
	out, err := git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if errors.As(err, new(*command.TimeError)) {
		return nil, err
	}
	if err != nil {
		return nil, usage("--config-ref %q: no such commit in %q: name a branch, a tag or a commit that was fetched", ref, top)
	}
	return &revision{top, strings.TrimSpace(string(out))}, nil
}

// read returns the first of the files, whose paths are relative to the top,
// that the commit has; "" if it has none of them.
func (r *revision) read(paths []string, limit int) (found string, text []byte, err error) {
	out, err := git(
		r.top,
		append([]string{"--literal-pathspecs", "ls-tree", "-z", "--full-tree", r.commit, "--"}, paths...)...)
	if err != nil {
		return "", nil, fmt.Errorf("list %s: %w", r.commit, err)
	}
	blobs := map[string]string{} // object by path
	for line := range strings.SplitSeq(string(out), "\x00") {
		if info, name, ok := strings.Cut(line, "\t"); ok {
			if f := strings.Fields(info); len(f) == 3 && f[1] == "blob" && f[0] != "120000" { // no symbolic link
				blobs[name] = f[2]
			}
		}
	}
	for _, p := range paths {
		if id, ok := blobs[p]; ok {
			text, err = git(r.top, "cat-file", "blob", id)
			if err == nil && len(text) > limit {
				err = fmt.Errorf("%d bytes, more than the limit of %d", len(text), limit)
			}
			if err != nil {
				err = fmt.Errorf("read %q of %s: %w", p, r.commit, err)
			}
			return p, text, err
		}
	}
	return "", nil, nil
}
