package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Limits of what git is waited for: a pipe in the place of a .gitignore holds it
// for ever.
const (
	gitTime   = 10 * time.Second
	gitOutput = 64 << 20 // bytes
)

var errGitTime = fmt.Errorf("git takes more than the limit of %v", gitTime)

// git runs git in dir and returns what it prints. What the repository's own
// configuration says must not run a program.
func git(dir string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit", "-C", dir}, args...)...)
	out := &bounded{left: gitOutput}
	cmd.Stdout, cmd.WaitDelay = out, time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errGitTime
	}
	return out.Bytes(), err
}

// bounded is a buffer that refuses more than it may hold.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("git prints more than the limit of %d bytes", gitOutput)
	}
	return b.Buffer.Write(p)
}

// A revision is the commit that --config-ref names: configurations are read as
// they are there, not as they lie in the checkout.
type revision struct {
	top    string // of the repository
	commit string
}

func newRevision(top, ref string) (*revision, error) {
	out, err := git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if errors.Is(err, errGitTime) {
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
	out, err := git(r.top, append([]string{"--literal-pathspecs", "ls-tree", "-z", "--full-tree", r.commit, "--"}, paths...)...)
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
