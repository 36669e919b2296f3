package cli

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/internal/kubernetes"
	"github.com/tareweight/tare/internal/projects"
	"github.com/tareweight/tare/internal/scan"
)

// Limits of what --from may name.
const (
	maxReferences = 1_000_000 // of a list
	maxManifests  = 20_000    // files of a directory, of any kind
)

// references are those that --from names: the lines of a list, or the images that a manifest of Kubernetes or a compose file
// runs, or those of a directory. What of them says no image is in unread: it is not judged, and not forgotten.
func references(in io.Reader, name string) (refs []string, unread []scan.Failure, err error) {
	if name == "-" {
		refs, err = listed(in)
		return refs, nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return directory(name, maxManifests)
	}
	if isManifest(name) {
		text, err := readUpTo(os.DirFS(filepath.Dir(name)), filepath.Base(name))
		if err != nil {
			return nil, nil, err
		}
		refs, unread = named(name, text)
		return refs, unread, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	refs, err = listed(file)
	return refs, nil, err
}

// listed reads a list with a reference on each line; what follows "#" is a comment.
func listed(in io.Reader) (refs []string, err error) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if refs = append(refs, strings.TrimPrefix(line, "docker://")); len(refs) > maxReferences {
			return nil, fmt.Errorf("more than the limit of %d references", maxReferences)
		}
	}
	return refs, lines.Err()
}

// directory reads the manifests and compose files below a directory of at most so many files, and nothing that a link leads to.
func directory(dir string, most int) (refs []string, unread []scan.Failure, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	n := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if n++; n > most {
			return fmt.Errorf("more than the limit of %d files and directories: name a directory below", most)
		}
		if !d.Type().IsRegular() || !isManifest(name) {
			return nil
		}
		text, err := readUpTo(root.FS(), name)
		if err != nil {
			unread = append(unread, scan.Failure{Ref: path.Join(filepath.ToSlash(dir), name), Why: reason(err).Error()})
			return nil
		}
		found, broken := named(path.Join(filepath.ToSlash(dir), name), text)
		refs, unread = append(refs, found...), append(unread, broken...)
		return nil
	})
	return refs, unread, err
}

// readUpTo reads a manifest that is not too large.
func readUpTo(dir fs.FS, name string) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, kubernetes.MaxSize+1))
	if err == nil && len(text) > kubernetes.MaxSize {
		err = fmt.Errorf("it has more than the limit of %d bytes", kubernetes.MaxSize)
	}
	return text, err
}

// named are the images that a text names which may be a manifest of Kubernetes or a compose file.
func named(name string, text []byte) (refs []string, unread []scan.Failure) {
	fails := func(why string) { unread = append(unread, scan.Failure{Ref: name, Why: why}) }
	switch {
	case kubernetes.Is(text):
		m := kubernetes.Parse(name, text)
		for _, w := range m.Workloads {
			for _, c := range slices.Concat(w.Containers, w.Sidecars) {
				refs = append(refs, c.Image.S)
			}
			for _, image := range w.Init {
				refs = append(refs, image.S)
			}
		}
		if m.Template {
			fails("it is a template of Helm's: scan what renders it, helm template DIR > all.yaml; tare scan --from all.yaml")
		}
		for _, err := range m.Broken {
			fails(err.Error())
		}
	case projects.IsCompose(text):
		images, err := projects.Images(text)
		if err != nil {
			fails(err.Error())
		}
		refs = images
	}
	known := refs[:0]
	for _, ref := range refs {
		if strings.Contains(ref, "$") {
			fails(fmt.Sprintf("a variable decides the image %q", ref))
		} else if ref != "" {
			known = append(known, ref)
		}
	}
	return known, unread
}
