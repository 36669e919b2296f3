package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/projects"
)

// project adds what a compose file builds, or bake. Where the configuration lists a target
// of the same name or stage for the same Dockerfile, its image and settings count too.
func (fd *finder) project(root *checkout.Root, name, dir string, read func() (*projects.Project, error)) error {
	p, err := read()
	if err != nil {
		return &statusError{Usage, err}
	}
	if len(p.Builds) == 0 {
		return usage("%s builds no image: nothing to check%s", name, strings.Join(append([]string{""}, p.Remarks...), "; "))
	}
	for _, r := range p.Remarks {
		fd.remarks = append(fd.remarks, name+": "+r)
	}
	for _, x := range p.Builds {
		src := x.Inline
		path := filepath.Join(x.Context, "Dockerfile")
		if src == nil {
			path = x.Dockerfile
			if src, err = root.ReadFile(path, dockerfile.MaxSize); err != nil {
				fd.unreadable(path, err)
				continue
			}
		}
		chain, err := fd.chain(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		b := fd.described(root, chain, display(path))
		if listed := builds(chain, display(path), b); len(listed) > 0 {
			i := slices.IndexFunc(listed, func(l build) bool { return l.name == x.Name })
			if i < 0 {
				i = slices.IndexFunc(listed, func(l build) bool { return l.stage == x.Stage })
			}
			if i >= 0 {
				b = listed[i]
			}
		}
		b.name, b.context = cmp.Or(b.name, x.Name), x.Context
		if x.Stage != "" {
			b.stage, b.where = x.Stage, name
		}
		if x.Inline != nil {
			b.inline = fmt.Sprintf("%s (%s)", name, x.Name)
		}
		b.args, b.contexts = joined(b.args, x.Args), joined(b.contexts, x.Contexts)
		if len(x.Platforms) > 0 {
			b.platforms = x.Platforms
		}
		b.files, b.images = p.Files, x.Images
		if err := fd.add(root, chain, src, display(path), b); err != nil {
			return err
		}
	}
	return nil
}
