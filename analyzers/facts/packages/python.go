package packages

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"iter"
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A place is where a Python distribution or a conda package says that it is installed.
type place struct {
	name  string // of the file
	file  *analysis.File
	conda bool
	dir   string // the distribution's dist-info or egg-info; of conda the environment
}

// found are the places of an image, in order.
func found(im *analysis.Image) (list []place) {
	for name, f := range im.Inodes() {
		switch {
		case strings.HasSuffix(name, ".dist-info/METADATA"), strings.HasSuffix(name, ".egg-info/PKG-INFO"):
			list = append(list, place{name: name, file: f, dir: path.Dir(name)})
		case strings.HasSuffix(name, ".egg-info"):
			list = append(list, place{name: name, file: f, dir: name})
		case strings.HasSuffix(name, ".json") && path.Base(path.Dir(name)) == "conda-meta":
			list = append(list, place{name: name, file: f, dir: path.Dir(path.Dir(name)), conda: true})
		}
	}
	return list
}

// half is how many of the first places have about half of what is to be read.
func half(list []place) (n int) {
	var sum, all int
	for _, p := range list {
		all += len(p.file.Contents)
	}
	for ; n < len(list) && sum < all/2; n++ {
		sum += len(list[n].file.Contents)
	}
	return n
}

// places reads what is installed at each place.
func (r *reader) places(list []place) {
	for _, p := range list {
		switch {
		case !p.conda:
			r.distribution(p.name, p.file, p.dir)
		case r.text(p.name, p.file):
			r.conda(p.file, p.dir)
		}
	}
}

// distribution reads an installed distribution (packaging.python.org,
// "Recording installed projects"). What lies in a _vendor directory is part of
// another.
func (r *reader) distribution(name string, f *analysis.File, dir string) {
	if strings.Contains("/"+dir, "/_vendor/") || !r.text(name, f) {
		return
	}
	head, _, _ := strings.Cut(strings.ReplaceAll(string(f.Contents), "\r\n", "\n"), "\n\n")
	list := r.paragraphs(head, "Name", "Version")
	if len(list) == 0 || list[0]["Name"] == "" {
		return
	}
	// Cloned: they are a small part of a text that would stay in memory for them.
	p := r.add(&Package{
		Type:    PyPI,
		Name:    strings.Clone(list[0]["Name"]),
		Version: strings.Clone(list[0]["Version"]),
		Layer:   f.Layer,
		Dir:     dir,
	})
	for line := range strings.Lines(head) {
		if len(p.Requires) == maxRequires {
			break
		}
		if rest, ok := strings.CutPrefix(line, "Requires-Dist:"); ok && !strings.Contains(rest, "extra ==") {
			if m := reName.FindString(strings.TrimSpace(rest)); m != "" {
				p.Requires = append(p.Requires, strings.Clone(m))
			}
		}
	}
	if record := r.image.Regular(dir + "/RECORD"); record != nil && r.text(dir+"/RECORD", record) {
		for name := range recorded(string(record.Contents)) {
			if !r.own(p, below(path.Dir(dir), name)) {
				break
			}
		}
	}
}

var reName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)

// recorded yields the paths of a RECORD, which are relative to the directory
// that holds the dist-info.
func recorded(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !strings.Contains(text, `"`) { // as installers write it: no name holds a comma
			for line := range strings.Lines(text) {
				if name, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ","); name != "" && !yield(name) {
					return
				}
			}
			return
		}
		c := csv.NewReader(strings.NewReader(text))
		c.FieldsPerRecord, c.LazyQuotes, c.ReuseRecord = -1, true, true
		for {
			row, err := c.Read()
			if row == nil || err == nil && !yield(row[0]) {
				return
			}
		}
	}
}

// below is path.Join, for names that mostly are clean.
func below(base, name string) string {
	if strings.Contains(name, "..") || strings.HasPrefix(name, "/") {
		return path.Join("/", base, name)
	}
	return base + "/" + name
}

// conda reads one package of a conda environment.
func (r *reader) conda(f *analysis.File, prefix string) {
	var meta struct {
		Name, Version string
		Files         json.RawMessage
	}
	if json.Unmarshal(f.Contents, &meta) != nil || meta.Name == "" {
		return
	}
	p := r.add(&Package{Type: Conda, Name: meta.Name, Version: meta.Version, Layer: f.Layer})
	list := json.NewDecoder(bytes.NewReader(meta.Files)) // name by name: there may be millions
	if t, err := list.Token(); err != nil || t != json.Delim('[') {
		return
	}
	for list.More() {
		var name string
		if list.Decode(&name) != nil || !r.own(p, path.Join("/", prefix, name)) {
			return
		}
	}
}
