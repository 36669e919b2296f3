package cli

import (
	"fmt"
	"slices"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
)

// A plan is what becomes a target for each platform of its image, once all that was asked for is known.
type plan struct {
	target
	root      *checkout.Root
	open      opener // of the image; nil if there is none
	ref       string // that open opens; "" if there is none
	platforms []string
	names     names           // what a manifest may call the image of a build
	chain     []*config.File  // in force, of a container
	changed   bool            // the container's manifest is changed before it is run
	has       map[string]bool // files, see include
	pulled    bool            // open opens what a manifest names, which may be of another build
}

// join puts together what of the plans belongs together: the containers of manifests and the build, or the image of a
// configuration, that they run. The image that is known of one is known of the other then.
func (fd *finder) join() {
	builds := fd.builds()
	var containers []*analysis.Container
	for _, p := range fd.planned {
		if p.PodsOnly {
			containers = append(containers, p.Pods[0].Container)
		}
	}
	owners := newOwners(builds, containers)
	var apart []string // containers of which no build is known to make what they run
	fd.planned = slices.DeleteFunc(fd.planned, func(p *plan) bool {
		if !p.PodsOnly {
			return false
		}
		c := p.Pods[0].Container
		own := owners.of(c)
		if own == nil {
			if p.open == nil {
				fd.configuredImage(p)
			}
			if p.open == nil && c.Image.S != "" {
				apart = append(apart, fmt.Sprintf("%s (%s)", c.Name, p.Pods[0].Manifest.Path))
			}
			return false
		}
		switch {
		case p.ref != "" && own.ref != "" && p.ref != own.ref: // the user says that it runs another
			return false
		case p.changed && p.ref == "" && own.ref == "": // what it runs in the end is not known, and what the Dockerfile says may not be either
			return false
		}
		switch {
		case p.pulled:
		case p.open != nil && own.open == nil:
			own.open, own.ref = p.open, p.ref
		case p.open == nil:
			p.open, p.ref = own.open, own.ref
		}
		if p.pulled || !slices.Equal(p.Config.Files, own.Config.Files) { // other rules are in force for the manifest
			p.Path, p.Inline, p.Dockerfile, p.Build = own.Path, own.Inline, own.Dockerfile, own.Build
			p.include(own.files)
			return false
		}
		own.Pods = append(own.Pods, p.Pods...)
		if len(own.files) > 0 { // else it is an image, which may have changed whatever is in the commit
			own.include(p.files)
			own.include(p.shared)
		}
		return true
	})
	fd.together()
	if fd.flags.image != "" && len(builds) == 1 && len(builds[0].Pods) == 0 && len(apart) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf("what these run is not known to be %s: %s: --image NAME=%[1]s says that it is",
			fd.flags.image, analysis.And(apart, 5)))
	}
	fd.remarks = append(fd.remarks, owners.remarks()...)
}

// include adds files that a target is made of, each once.
func (p *plan) include(files []string) {
	if p.has == nil {
		p.has = map[string]bool{}
		for _, f := range p.files {
			p.has[f] = true
		}
	}
	for _, f := range files {
		if !p.has[f] {
			p.has[f] = true
			p.files = append(p.files, f)
		}
	}
}

// together makes one of the containers that run the same image under the same configuration: it is read once for all of them.
func (fd *finder) together() {
	first := map[string]*plan{}
	fd.planned = slices.DeleteFunc(fd.planned, func(p *plan) bool {
		if !p.PodsOnly || p.ref == "" {
			return false
		}
		key := fmt.Sprintf("%q", []any{p.ref, p.Config.Files, p.Path, p.Build.Target}) + fmt.Sprintf(" %p", p.root)
		one := first[key]
		if one == nil {
			first[key] = p
			return false
		}
		one.Pods = append(one.Pods, p.Pods...)
		one.include(p.files)
		return true
	})
	for _, p := range first {
		if n := len(p.Pods) - 1; n > 0 {
			p.Name += fmt.Sprintf(" and %d more", n)
		}
	}
}

// builds are the plans that make an image, or have one: of several of the same file, stage and image the first.
func (fd *finder) builds() (builds []*plan) {
	seen := map[string]*plan{}
	for _, p := range fd.planned {
		if p.PodsOnly || len(p.names.words) == 0 && p.names.dir == "" {
			continue
		}
		key := absolute(p.Path) + "\x00" + p.Build.Target + "\x00" + p.ref
		if first := seen[key]; first != nil && p.Path != "" && !p.Inline {
			first.names.repositories = append(first.names.repositories, p.names.repositories...)
			first.names.words = append(first.names.words, p.names.words...)
			continue
		}
		seen[key] = p
		builds = append(builds, p)
	}
	return builds
}

// configuredImage gives a container the image that a configuration above its manifest names, where both are of one repository.
func (fd *finder) configuredImage(p *plan) {
	written := bases.ParseRef(p.Pods[0].Container.Image.S)
	for _, f := range slices.Backward(p.chain) {
		if x := f.Build.Image; x != "" && written.Path != "" && bases.ParseRef(x).Repository() == written.Repository() {
			fd.applied[f] = true
			p.open, p.ref = fd.trusted("image", x, f), f.ImageRef(x)
			return
		}
	}
}
