package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/kubernetes"
	"github.com/tareweight/tare/internal/source"
)

// isManifest reports whether a file's name is one that a manifest may have.
func isManifest(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// readManifest reads a file of the checkout if it is a manifest; nil if it is none.
func readManifest(root *checkout.Root, name string) []byte {
	text, err := root.ReadFile(name, kubernetes.MaxSize)
	if err != nil || !kubernetes.Is(text) {
		return nil
	}
	return text
}

// manifests adds the containers of manifests: files of one input, whose Services are those of all.
func (fd *finder) manifests(root *checkout.Root, texts map[string][]byte) error {
	var names, templates []string
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	var services []*analysis.Service
	read := map[string]*kubernetes.Manifest{}
	for _, name := range names {
		if kubernetes.IsTemplate(texts[name]) {
			templates = append(templates, display(name))
			continue
		}
		read[name] = kubernetes.Parse(display(name), texts[name])
		services = append(services, read[name].Services...)
	}
	if len(templates) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf("%d %s of Helm's, which %s to be rendered first: helm template DIR | tare check - (%s)", len(templates),
			number(len(templates), "manifest is a template", "manifests are templates"), number(len(templates), "has", "have"), analysis.And(templates, 3)))
	}
	for _, name := range names {
		m := read[name]
		if m == nil {
			continue
		}
		chain, err := fd.chain(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, broken := range m.Broken {
			t := target{}
			t.Name, t.Err = display(name), fmt.Errorf("read manifest %w", broken)
			fd.push(root, t)
		}
		for _, w := range m.Workloads {
			for _, c := range slices.Concat(w.Containers, w.Sidecars) {
				t := fd.configured(config.Merge(chain...), nil)
				t.Name = fmt.Sprintf("%s: %s %s, container %s", display(name), w.Kind, w.Name, c.Name)
				t.Container, t.Services = c, services
				t.Manifest.Path, t.Manifest.Text = display(name), texts[name]
				t.files = []string{absolute(name)}
				fd.each(root, t, fd.imageOf(c), fd.platforms(nil))
			}
		}
	}
	return nil
}

// reName is a container or an image that --image gives a reference for.
var reName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// setImages reads the values of --image: REF, or NAME=REF for a container of a manifest.
func (f *checkFlags) setImages(values []string) error {
	for _, v := range values {
		name, ref, named := strings.Cut(v, "=")
		if !named || !reName.MatchString(name) {
			name, ref = "", v
		}
		if err := source.CheckReference(ref); err != nil {
			return usage("--image %q: %v", v, err)
		}
		switch {
		case ref == "":
			return usage("--image is empty: name the image, or leave the flag out")
		case name != "":
			if f.images == nil {
				f.images = map[string]string{}
			}
			f.images[name] = ref
		case f.image != "":
			return usage("--image %q and %q: give one for a Dockerfile, and NAME=REF for each container of a manifest", f.image, ref)
		default:
			f.image = ref
		}
	}
	return nil
}

// imageOf opens the image that a container runs: the one that --image gives for it, by its own name or
// its image's, or, with --pull-images, the one that the manifest names. It is nil for any other: a file must not
// make Tare speak to a host that the user did not name.
func (fd *finder) imageOf(c *analysis.Container) opener {
	written := bases.ParseRef(c.Image.S)
	for _, name := range []string{c.Image.S, written.Repository(), filepath.Base(written.Path), c.Name} {
		if ref := fd.flags.images[name]; ref != "" && name != "" {
			fd.usedImages[name] = true
			return fd.open(ref, nil)
		}
	}
	if len(fd.flags.pull) == 0 || c.Image.S == "" {
		return nil
	}
	host := source.Registry(c.Image.S)
	if !slices.Contains(fd.flags.pull, "all") && !slices.Contains(fd.flags.pull, host) {
		return nil
	}
	open := fd.open(c.Image.S, nil)
	return func(ctx context.Context, platform string) (*source.Image, error) { return open(ctx, platform) }
}

// unnamed is the error of an --image NAME=REF whose name no container has.
func (fd *finder) unnamed() error {
	for name := range fd.flags.images {
		if !fd.usedImages[name] {
			return usage("--image %s=%s: no container of a manifest is called %q, nor is its image", name, fd.flags.images[name], name)
		}
	}
	return nil
}
