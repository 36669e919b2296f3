package cli

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/ignore"
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

// readManifests reads the manifests among files of a directory, as many as one input may hold. That others are not
// read is an error of theirs.
func (fd *finder) readManifests(root *checkout.Root, dir string, names []string) map[string][]byte {
	texts := map[string][]byte{}
	left := kubernetes.MaxSize
	for _, name := range names {
		text := readManifest(root, name)
		if text == nil {
			continue
		}
		if len(text) > left {
			fd.broken(root, display(name), fmt.Errorf(
				"read manifest %q: with it those of %q have more than the limit of %d bytes: name it, or a directory below",
				display(name), dir, kubernetes.MaxSize))
			continue
		}
		left -= len(text)
		texts[name] = text
	}
	return texts
}

// manifests adds the containers of manifests: files of one input, whose Services are those of all. Some may be changed before they are run.
func (fd *finder) manifests(root *checkout.Root, texts map[string][]byte, changed map[string]bool) error {
	var names, templates []string
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	var services []*analysis.Service
	read := map[string]*kubernetes.Manifest{}
	for _, name := range names {
		read[name] = kubernetes.Parse(display(name), texts[name])
		if read[name].Template {
			templates = append(templates, display(name))
		}
		services = append(services, read[name].Services...)
	}
	kubernetes.Join(slices.Collect(maps.Values(read))...)
	var shared []string // files that say something of pods of others
	for _, name := range names {
		if m := read[name]; len(m.Services)+len(m.ConfigMaps)+len(m.Monitors) > 0 {
			shared = append(shared, absolute(name))
		}
	}
	if len(templates) > 0 {
		n := len(templates)
		fd.remarks = append(
			fd.remarks,
			fmt.Sprintf(
				"%d %s of Helm's, which %s to be rendered first: helm template DIR | tare check - (%s)",
				n,
				number(n, "manifest is a template", "manifests are templates"),
				number(n, "has", "have"),
				analysis.And(templates, 3),
			),
		)
	}
	for _, name := range names {
		m, shown := read[name], display(name)
		isChanged := len(changed) > 0 && changed[absolute(name)]
		manifest := driver.Manifest{Path: shown, Text: texts[name]}
		manifest.Comments = sync.OnceValue(func() []*ignore.Ignore { return ignore.Read(shown, texts[name], nil) })
		chain, err := fd.chain(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, broken := range m.Broken {
			fd.broken(root, shown, fmt.Errorf("read manifest %w", broken))
		}
		for _, w := range m.Workloads {
			for _, c := range slices.Concat(w.Containers, w.Sidecars) {
				t := fd.configured(config.Merge(chain...), nil)
				pod := driver.Pod{Container: c, Services: services, Manifest: manifest}
				t.Name = fmt.Sprintf("%s: %s", shown, pod)
				t.Pods, t.PodsOnly, t.files = []driver.Pod{pod}, true, []string{absolute(name)}
				t.shared = shared
				p := plan{target: t, root: root, chain: chain, changed: isChanged, platforms: fd.platforms(nil)}
				fd.imageOf(&p, c)
				fd.plan(p)
			}
		}
	}
	return nil
}

// reName is a container or an image that --image gives a reference for.
var reName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

// setImages reads the values of --image: REF, or NAME=REF for a container of a manifest.
func (f *checkFlags) setImages(values []string) error {
	for _, v := range values {
		name, ref, named := strings.Cut(v, "=")
		switch {
		case named && name == "":
			return usage("--image %q: want REF, or NAME=REF with the name of a container or its image", v)
		case !named || !reName.MatchString(name) || source.HasTransport(name):
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
			if other := f.images[name]; other != "" {
				return usage("--image gives %q two images, %q and %q", name, other, ref)
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

// reHost is a registry without a repository.
var reHost = regexp.MustCompile(`^(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)?(?::[0-9]+)?$`)

// apart refuses a value that stands apart from --pull-images, which would mean all registries then.
func (f *checkFlags) apart(args []string) error {
	if len(f.pull) != 1 || f.pull[0] != "all" {
		return nil
	}
	for _, arg := range args {
		if _, err := os.Lstat(arg); err != nil && (arg == "all" || reHost.MatchString(arg)) {
			return usage("%q is no file and no image: if it is the value of --pull-images, write --pull-images=%s", arg, arg)
		}
	}
	return nil
}

// imageOf says what opens the image that a container runs: the one that --image gives for it, by its own name or its image's, or
// that it gives for the Dockerfile of the project, where both are called the same, or, with --pull-images, the one that
// the manifest names. There is none for any other: a file must not make Tare speak to a host that the user did not name.
func (fd *finder) imageOf(p *plan, c *analysis.Container) {
	written := bases.ParseRef(c.Image.S)
	for _, name := range []string{c.Image.S, written.Repository(), filepath.Base(written.Path), c.Name} {
		if ref := fd.flags.images[name]; ref != "" && name != "" {
			fd.usedImages[name] = true
			if name == c.Name && !slices.Contains(fd.runs[name], written.Repository()) {
				fd.runs[name] = append(fd.runs[name], written.Repository())
			}
			p.ref, p.open = ref, fd.open(ref, nil)
			return
		}
	}
	if ref := fd.flags.image; ref != "" && !source.HasTransport(ref) && written.Path != "" &&
		filepath.Base(bases.ParseRef(ref).Path) == filepath.Base(written.Path) { // the same image, of another build or place
		fd.usedImage = true
		p.ref, p.open = ref, fd.open(ref, nil)
		return
	}
	if len(fd.flags.pull) == 0 || c.Image.S == "" {
		return
	}
	host := source.Registry(c.Image.S)
	if !slices.Contains(fd.flags.pull, "all") && !slices.Contains(fd.flags.pull, host) {
		return
	}
	p.ref, p.open, p.pulled = c.Image.S, fd.open(c.Image.S, nil), true
}

// unnamed is the error of an --image NAME=REF whose name no container has, and of an --image REF where
// there are containers alone.
func (fd *finder) unnamed() error {
	if ref := fd.flags.image; ref != "" && len(fd.planned) > 0 && fd.dockerfiles() == 0 && !fd.usedImage {
		var names []string
		for _, p := range fd.planned {
			if name := p.Pods[0].Container.Name; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return usage("--image %q is of no Dockerfile here: write --image NAME=%s with the name of a container or of its image: %s",
			ref, ref, analysis.Or(names[:min(len(names), 5)]))
	}
	for _, name := range slices.Sorted(maps.Keys(fd.runs)) {
		if list := fd.runs[name]; len(list) > 1 {
			return usage("--image %s=%s: containers of several images are called %q: name the image, one of %s", name, fd.flags.images[name], name,
				analysis.Or(list))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fd.flags.images)) {
		if !fd.usedImages[name] {
			return usage("--image %s=%s: no container of a manifest is called %q, nor is its image", name, fd.flags.images[name], name)
		}
	}
	return nil
}
