package packages

import (
	"fmt"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/rpmdb"
)

// maxRPM is how many bytes a database of rpm may have: those of images with some hundred
// packages have 5 to 35 MB.
const maxRPM = 64 << 20

// rpmWants are the databases that an image may have.
func rpmWants() (wants []analysis.Want) {
	for _, dir := range rpmdb.Dirs {
		for _, name := range rpmdb.Names {
			wants = append(wants, analysis.Want{Glob: dir + "/" + name, Max: maxRPM})
		}
	}
	return wants
}

// rpm reads the databases of rpm. The directory of one may be a link to that of another.
func (r *reader) rpm() {
	done := map[*analysis.File]bool{}
	for _, dir := range rpmdb.Dirs {
		for _, name := range rpmdb.Names {
			f := r.image.Regular(dir + "/" + name)
			if f == nil || done[f] || !r.text(dir+"/"+name, f) {
				continue
			}
			done[f] = true
			if log := r.image.Regular(dir + "/" + name + "-wal"); log != nil && log.Size > 0 {
				r.unread = fmt.Sprintf("%q has changes in a log beside it, which is not read", dir+"/"+name)
				continue
			}
			r.database(f)
		}
	}
}

// database adds the packages of one database, each with the layer in which it first appears.
func (r *reader) database(last *analysis.File) {
	layers := first{}
	var list []*rpmdb.Package
	for _, l := range r.image.Layers {
		for _, f := range l.Files {
			if f.Path != last.Path || f.Contents == nil || l.Index > last.Layer.Index {
				continue
			}
			var err error
			if list, err = rpmdb.Read(f.Contents); err != nil {
				r.unread = fmt.Sprintf("%q is not read: %v", analysis.Clip(f.Path, 200), err)
			}
			now := first{}
			for _, p := range list {
				if now[rpmKey(p)] = layers[rpmKey(p)]; now[rpmKey(p)] == nil {
					now[rpmKey(p)] = l
				}
			}
			layers = now
		}
	}
	seen := map[string]bool{}
	for _, x := range list {
		if seen[rpmKey(x)] {
			continue
		}
		seen[rpmKey(x)] = true
		p := r.add(&Package{Type: RPM, Name: x.Name, Version: x.Version, Arch: x.Arch, Source: x.Source, Layer: layers[rpmKey(x)]})
		for _, name := range x.Files {
			if !r.own(p, name) {
				break
			}
		}
	}
}

func rpmKey(p *rpmdb.Package) string { return p.Name + "\x00" + p.Arch + "\x00" + p.Version }
