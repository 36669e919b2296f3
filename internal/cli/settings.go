package cli

import (
	"fmt"
	"path/filepath"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/driver"
)

// config reads the configuration that is in force for dir.
func (fd *finder) config(root *checkout.Root, dir string) (*config.Config, error) {
	p := fd.flags.config
	switch {
	case p != "":
		var err error
		if root, err = fd.root(p); err != nil {
			return nil, &statusError{Usage, fmt.Errorf("read configuration %q: %w", p, err)}
		}
	case fd.flags.noConfig:
	case fd.flags.configRef != "":
		return fd.revised(root, dir)
	default:
		if p = config.Find(root, dir); p != "" {
			p = filepath.FromSlash(display(p))
		}
	}
	c, err := config.Load(root, p, fd.analyzers)
	if err != nil {
		return nil, &statusError{Usage, err}
	}
	return c, nil
}

// revised reads the configuration of dir as it is in the commit that
// --config-ref names.
func (fd *finder) revised(root *checkout.Root, dir string) (*config.Config, error) {
	rev := fd.revisions[root.Dir()]
	if rev == nil {
		var err error
		if rev, err = newRevision(root.Dir(), fd.flags.configRef); err != nil {
			return nil, &statusError{Usage, err}
		}
		fd.revisions[root.Dir()] = rev
	}
	var paths []string
	for _, p := range config.Candidates(root, dir) {
		if rel, err := root.Rel(p); err == nil {
			paths = append(paths, filepath.ToSlash(rel))
		}
	}
	found, text, err := rev.read(paths, config.MaxSize)
	if err == nil && found == "" {
		return config.Load(root, "", fd.analyzers)
	}
	var c *config.Config
	if err == nil {
		c, err = config.Parse(filepath.FromSlash(display(filepath.Join(root.Dir(), filepath.FromSlash(found)))), text,
			fd.analyzers)
	}
	if err != nil {
		return nil, &statusError{Usage, err}
	}
	return c, nil
}

// settings are those of a configuration, as the driver hands them on.
func settings(c *config.Config) *driver.Settings {
	if len(c.Settings) == 0 {
		return nil
	}
	s := &driver.Settings{Path: display(c.Path)}
	for _, x := range c.Settings {
		s.List = append(s.List, driver.Setting(x))
	}
	return s
}
