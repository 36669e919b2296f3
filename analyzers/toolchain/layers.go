package toolchain

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/python"
)

// What is less is not worth a finding.
const (
	leastHeaders = 1e6 // bytes of development packages, over the image
	leastLoose   = 5e6 // bytes of headers that nothing owns, over the image
	mostLoose    = 100 // how many such files it takes
)

// fromLayers reports headers and buried compilers, one finding for each
// instruction that brought them.
func fromLayers(pass *analysis.Pass) {
	var all, loose int64
	count := 0
	groups := causes.Fact.Of(pass).Groups
	if why := packages.Fact.Of(pass).Unread; why != "" {
		pass.Undecided(headers, nil, why)
	}
	if pass.Image.Base.How == "" {
		pass.Undecided(buried, nil, analysis.NoBase)
		pass.Undecided(packaging, nil, analysis.NoBase)
	}
	for _, g := range groups {
		switch g.Cause {
		case causes.Headers:
			all += g.Size.Unpacked
		case causes.LooseHeaders:
			loose += g.Size.Unpacked
			count += len(g.Files)
		}
	}
	for _, g := range groups {
		f := analysis.Finding{Location: place(pass, g), Bytes: g.Size, Related: append(inputs.Fact.Of(pass).Made(g.Layer), causes.Named(g)...)}
		switch {
		case g.Cause == causes.Headers && all >= leastHeaders:
			var names []string
			for _, p := range g.Packages {
				names = append(names, p.Name)
			}
			slices.Sort(names)
			f.Rule, f.Key = headers, strings.Join(names, " ")
			f.Message = fmt.Sprintf("ships %s to build with: %s; install them in a build stage, and here the libraries alone",
				quote(names), g.Size)
		case g.Cause == causes.LooseHeaders && loose >= leastLoose && count >= mostLoose:
			f.Rule, f.Key = headers, "loose "+g.Layer.Key()
			f.Message = fmt.Sprintf("ships %d headers and static libraries that no package owns: %s; copy the libraries alone",
				len(g.Files), g.Size)
		case g.Cause == causes.Buried && pass.Image.Base.How == "":
			continue
		case g.Cause == causes.Buried:
			f.Rule, f.Key = buried, g.Layer.Key()
			f.Message = fmt.Sprintf(
				"ships a compiler that a later layer deletes: %s are downloaded all the same; "+
					"remove it in the RUN that installs it, or build in another stage",
				g.Size,
			)
		default:
			continue
		}
		pass.Report(f)
	}
}

// fromEnvironments notes pip and its like in environments above the base.
func fromEnvironments(pass *analysis.Pass) {
	if pass.Image.Base.How == "" {
		return
	}
	set := packages.Fact.Of(pass)
	required := map[string]bool{} // by environment and name
	tools := map[string][]*packages.Package{}
	for _, p := range set.Distributions() {
		env := path.Dir(p.Dir)
		for _, name := range p.Requires {
			required[env+" "+python.NormalizeName(name)] = true
		}
		if name := python.NormalizeName(p.Name); (installs.Installer(name) || name == "cython") && p.Layer != nil &&
			!p.Layer.Base {
			tools[env] = append(tools[env], p)
		}
	}
	for _, env := range slices.Sorted(func(yield func(string) bool) {
		for env := range tools {
			if !yield(env) {
				return
			}
		}
	}) {
		var names []string
		var layer *analysis.Layer
		var bytes int64
		for _, p := range tools[env] {
			if !required[env+" "+python.NormalizeName(p.Name)] {
				names = append(names, p.Name)
				bytes += p.Bytes()
				layer = p.Layer
			}
		}
		if len(names) > 0 {
			f := analysis.Finding{Rule: packaging, Location: layer.Location(), Key: env, Related: inputs.Fact.Of(pass).Made(layer)}
			f.Message = fmt.Sprintf(
				"%s holds %s, which nothing needs at run time (%s): "+
					"make the environment without them (uv venv, pip uninstall in the RUN that used them)",
				"/"+env,
				analysis.And(names, 5),
				analysis.Bytes(bytes),
			)
			pass.Report(f)
		}
	}
}
