package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/source"
)

// A plan is what becomes a target for each platform of its image, once all that was asked for is known.
type plan struct {
	target
	root      *checkout.Root
	open      opener // of the image; nil if there is none
	ref       string // that open opens; "" if there is none
	platforms []string
	names     []string       // of a build, and of the image that it makes: what a manifest may call it
	chain     []*config.File // in force, of a container
	pulled    bool           // open opens what a manifest names, which may be of another build
}

// join puts together what of the plans belongs together: the containers of manifests and the build, or the image of a
// configuration, that they run. The image that is known of one is known of the other then.
func (fd *finder) join() {
	var builds []*plan
	for _, p := range fd.planned {
		if !p.PodsOnly && len(p.names) > 0 {
			builds = append(builds, p)
		}
	}
	var apart []string // containers of which no build is known to make what they run
	fd.planned = slices.DeleteFunc(fd.planned, func(p *plan) bool {
		if !p.PodsOnly || p.pulled {
			return false
		}
		c := p.Pods[0].Container
		own := owner(builds, c)
		switch {
		case own == nil:
			if p.open == nil {
				fd.configuredImage(p)
			}
			if p.open == nil && c.Image.S != "" {
				apart = append(apart, fmt.Sprintf("%s (%s)", c.Name, p.Pods[0].Manifest.Path))
			}
			return false
		case p.ref != "" && own.ref != "" && p.ref != own.ref: // the user says that it runs another
			return false
		case p.open != nil && own.open == nil:
			own.open, own.ref = p.open, p.ref
		case p.open == nil:
			p.open, p.ref = own.open, own.ref
		}
		if n := len(p.Config.Files); n > len(own.Config.Files) || !slices.Equal(p.Config.Files, own.Config.Files[:n]) {
			return false // a configuration of the manifest's own is in force for it
		}
		own.Pods, own.files = append(own.Pods, p.Pods...), append(own.files, p.files...)
		return true
	})
	if fd.flags.image != "" && len(builds) == 1 && len(builds[0].Pods) == 0 && len(apart) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf("what these run is not known to be %s: %s: --image NAME=%[1]s says that it is",
			fd.flags.image, analysis.And(apart, 5)))
	}
}

// owner is the build that makes the image of a container: the one that is called like its repository, or else like the last part of that;
// nil where none is, or several are.
func owner(builds []*plan, c *analysis.Container) *plan {
	ref := bases.ParseRef(c.Image.S)
	if ref.Path == "" {
		return nil
	}
	for _, name := range []string{ref.Repository(), strings.ToLower(filepath.Base(ref.Path))} {
		var found []*plan
		for _, b := range builds {
			if slices.Contains(b.names, name) {
				found = append(found, b)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0]
		default:
			return nil
		}
	}
	return nil
}

// configuredImage gives a container the image that a configuration above its manifest names, where both are of one repository.
func (fd *finder) configuredImage(p *plan) {
	written := bases.ParseRef(p.Pods[0].Container.Image.S)
	for _, f := range slices.Backward(p.chain) {
		if x := f.Build.Image; x != "" && written.Path != "" && bases.ParseRef(x).Repository() == written.Repository() {
			fd.applied[f] = true
			p.open, p.ref = fd.trusted("image", x, f), x
			return
		}
	}
}

// callable are the names that a manifest may know the image of a build by: what it is built as, the directory of the Dockerfile, what
// stands before or behind "Dockerfile" in its name.
func callable(b build, image, name string) (names []string) {
	add := func(s string) {
		if s = strings.ToLower(s); s != "" && s != "." && s != "/" && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	for _, ref := range []string{image, b.image} {
		if ref == "" || source.HasTransport(ref) {
			continue
		}
		if r := bases.ParseRef(ref); r.Path != "" {
			add(r.Repository())
			add(filepath.Base(r.Path))
		}
	}
	add(b.name)
	if b.inline != "" {
		return names
	}
	base := filepath.Base(filepath.FromSlash(name))
	for _, usual := range usual {
		if rest, ok := strings.CutPrefix(base, usual+"."); ok {
			add(rest)
		}
		if rest, ok := strings.CutSuffix(strings.ToLower(base), "."+strings.ToLower(usual)); ok {
			add(rest)
		}
	}
	if slices.Contains(usual, base) { // the one of its directory
		dir := absolute(filepath.Dir(filepath.FromSlash(name)))
		add(filepath.Base(cmp.Or(dir, ".")))
	}
	return names
}
