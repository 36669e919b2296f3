package locks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// environment reads conda's environment.yml: specifications, and those of pip
// below the key "pip".
func (l *Lock) environment(text []byte) error {
	var doc struct{ Dependencies []yaml.Node }
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	for _, n := range doc.Dependencies {
		switch n.Kind {
		case yaml.ScalarNode:
			l.Packages = append(l.Packages, spec(n.Value, n.Line, true))
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				for _, x := range n.Content[i+1].Content {
					l.Packages = append(l.Packages, spec(x.Value, x.Line, false))
				}
			}
		}
	}
	return nil
}

// aliased reports whether an alias stands anywhere in a node.
func aliased(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, aliased)
}

var reSpecName = regexp.MustCompile(`^(?:[^\s:]+::)?([A-Za-z0-9][\w.-]*)`)

func spec(text string, line int, conda bool) Package {
	p := Package{Spec: text, Line: line, Conda: conda}
	if m := reSpecName.FindStringSubmatch(text); m != nil {
		p.Name = m[1]
	}
	return p
}

// condaLock reads conda-lock.yml, or a list of URLs after "@EXPLICIT".
func (l *Lock) condaLock(text []byte) error {
	if _, list, ok := strings.Cut(string(text), "@EXPLICIT"); ok {
		n := 1 + strings.Count(string(text[:len(text)-len(list)]), "\n")
		for line := range strings.Lines(list) {
			url, hash, _ := strings.Cut(strings.TrimSpace(line), "#")
			if base := path.Base(url); strings.Contains(url, "://") {
				base = strings.TrimSuffix(strings.TrimSuffix(base, ".conda"), ".tar.bz2")
				parts := strings.Split(base, "-")
				p := Package{Name: base, Line: n, Conda: true, Source: Source{Type: "url", URL: url}}
				if k := len(parts); k > 2 {
					p.Name, p.Version = strings.Join(parts[:k-2], "-"), parts[k-2]
				}
				if hash != "" {
					p.Hashes = []string{"md5:" + hash}
				}
				l.Packages = append(l.Packages, p)
			}
			n++
		}
		return nil
	}
	var doc struct{ Package []yaml.Node }
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	for _, n := range doc.Package {
		if aliased(&n) { // each would be written out anew
			return fmt.Errorf("line %d: an alias: conda-lock writes none", n.Line)
		}
		var e struct {
			Name, Version, Manager, Category, URL string
			Hash                                  map[string]string
		}
		if err := n.Decode(&e); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		p := Package{
			Name:    e.Name,
			Version: e.Version,
			Line:    n.Line,
			Conda:   e.Manager == "conda",
			Groups:  []string{e.Category},
			Source:  Source{Type: "url", URL: e.URL},
		}
		for algorithm, digest := range e.Hash {
			p.Hashes = append(p.Hashes, algorithm+":"+digest)
		}
		slices.Sort(p.Hashes)
		l.Packages = append(l.Packages, p)
	}
	return nil
}
