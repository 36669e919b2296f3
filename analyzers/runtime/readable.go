package runtime

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

var unreadable = &analysis.Rule{
	ID:       "runtime-user-unreadable",
	Title:    "the pod's user may not read what the container runs",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

// uidOf is the number of the user that the container runs as, the pod's before the image's; false where it is not known.
func uidOf(pass *analysis.Pass) (number uint32, by analysis.Location, ok bool) {
	c := pass.Container
	for _, set := range []analysis.Number{c.Security.User, c.Workload.Security.User} {
		if set.Set {
			return uint32(set.N), set.At, set.N >= 0 && set.N < 1<<32
		}
	}
	name, _, _ := strings.Cut(pass.Image.Config.Config.User, ":")
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		n, err = strconv.ParseUint(uid(pass.Image.Inode("etc/passwd"), name), 10, 32)
	}
	return uint32(n), c.At, err == nil
}

// closed finds what a container runs and may not read: by the mode bits of the file and of the directories above it, which another
// user owns and which give nothing to a group or to others. What a group may do is not judged: the pod's groups decide it.
func closed(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	uid, at, ok := uidOf(pass)
	if !ok || uid == 0 || len(p.Argv) == 0 {
		return
	}
	needed := []string{p.Workdir(pass)}
	if f, known := p.Find(pass, p.Argv[0]); known && f != nil {
		needed = append(needed, "/"+f.Path)
	}
	for _, m := range modules(pass, p) {
		if pass.Image.Inode(m) != nil {
			needed = append(needed, m)
		}
	}
	for _, file := range needed {
		for dir := file; dir != "/" && dir != "."; dir = path.Dir(dir) {
			f := pass.Image.Inode(dir)
			if f == nil || f.Owner == uid || f.Mode.Perm()&0o077 != 0 || !f.Mode.IsDir() && !f.Mode.IsRegular() ||
				p.Mounted(pass, dir) {
				continue
			}
			pass.Report(analysis.Finding{
				Rule: unreadable, Location: at, Key: c.Name + " " + dir,
				Message: fmt.Sprintf(
					"%q runs as user %d, and %q of the image is open to user %d alone (%04o): it cannot reach %q; copy it with --chown=%d, or --chmod=755",
					c.Name,
					uid,
					dir,
					f.Owner,
					f.Mode.Perm(),
					file,
					uid,
				),
				Related: p.By(),
			})
			return
		}
	}
}
