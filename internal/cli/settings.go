package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/driver"
)

// chain reads the configurations that are in force for dir, the outermost first: those of
// dir and of the directories above it, or the one that --config names.
func (fd *finder) chain(root *checkout.Root, dir string) (chain []*config.File, err error) {
	switch {
	case fd.flags.noConfig:
		return nil, nil
	case fd.flags.config != "":
		f, err := fd.explicit(fd.flags.config)
		if err != nil {
			return nil, &statusError{Usage, err}
		}
		return []*config.File{f}, nil
	}
	for _, d := range config.Directories(root, dir) {
		f, known := fd.configs[d]
		if !known {
			if f, err = fd.read(root, d); err != nil {
				return nil, &statusError{Usage, err}
			}
			fd.configs[d] = f
		}
		if f != nil {
			chain = append(chain, f)
		}
	}
	return chain, nil
}

// explicit reads the configuration that --config names, once.
func (fd *finder) explicit(path string) (*config.File, error) {
	if f := fd.configs[path]; f != nil {
		return f, nil
	}
	root, err := fd.root(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration %q: %w", path, err)
	}
	f, err := config.Load(root, path, fd.analyzers)
	fd.configs[path] = f
	return f, err
}

// read reads the configuration of one directory, as it lies there, or as it is in the
// commit that --config-ref names; nil if it has none.
func (fd *finder) read(root *checkout.Root, dir string) (file *config.File, err error) {
	for _, name := range config.Names {
		path := filepath.Join(dir, name)
		var text []byte
		if fd.flags.configRef != "" {
			text, err = fd.revised(root, path)
		} else {
			if !root.IsRegular(path) {
				continue
			}
			text, err = root.ReadFile(path, config.MaxSizeOf(path))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case name == "pyproject.toml" && errors.As(err, new(*checkout.SizeError)):
			fd.remarks = append(fd.remarks, fmt.Sprintf("%s is not read: %v", display(path), err))
		case err != nil:
			return nil, fmt.Errorf("read configuration %q: %w", display(path), err)
		case config.Counts(name, text) && file != nil:
			fd.remarks = append(fd.remarks, fmt.Sprintf("%s is not in force, as %s lies beside it", display(path), display(file.Path)))
		case config.Counts(name, text):
			if file, err = config.Parse(filepath.FromSlash(display(path)), text, fd.analyzers); err != nil {
				return nil, err
			}
		}
	}
	return file, nil
}

// revised reads a file as it is in the commit that --config-ref names. The error is
// fs.ErrNotExist where the commit does not have it.
func (fd *finder) revised(root *checkout.Root, path string) ([]byte, error) {
	rev := fd.revisions[root.Dir()]
	if rev == nil {
		var err error
		if rev, err = newRevision(root.Dir(), "--config-ref", fd.flags.configRef, config.Names); err != nil {
			return nil, err
		}
		fd.revisions[root.Dir()] = rev
	}
	rel, err := root.Rel(path)
	if err != nil {
		return nil, err
	}
	return rev.read(filepath.ToSlash(rel), int(config.MaxSizeOf(path)))
}

// below reads the configurations in a directory and those in force for it.
func (fd *finder) below(root *checkout.Root, dir string, found found) ([]*config.File, error) {
	files, err := fd.chain(root, dir)
	if err != nil || fd.flags.noConfig || fd.flags.config != "" {
		return files, err
	}
	for _, d := range found.configured {
		chain, err := fd.chain(root, d)
		if err != nil {
			return nil, err
		}
		for _, f := range chain {
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
	}
	return files, nil
}

// configured is a target with the settings in force: those of c, and the keys that say how
// it is built.
func (fd *finder) configured(c *config.Config, here []config.Setting) target {
	t := target{}
	t.Config = driver.Config{
		Sections: c.Analyzers, Ignores: c.Ignores, Level: levels(c), Off: c.Off,
		FailOn: cmp.Or(fd.flags.failOn, string(c.FailOn), "warning"), Strict: c.Strict, Bases: c.Bases,
	}
	if fd.flags.strictGiven {
		t.Config.Strict = fd.flags.strict
	}
	for _, f := range c.Files {
		if p := display(f.Path); !slices.Contains(t.Config.Files, p) {
			t.Config.Files = append(t.Config.Files, p)
		}
	}
	for _, s := range slices.Concat(here, c.Settings) {
		s.Path = display(s.Path)
		t.Config.Settings = append(t.Config.Settings, driver.Setting(s))
	}
	return t
}

// levels is what a configuration says of rules, as the driver asks it.
func levels(c *config.Config) func(*analysis.Rule, string, string) (analysis.Severity, bool) {
	return func(r *analysis.Rule, check, path string) (analysis.Severity, bool) {
		switch l := c.Level(r, check, path); l {
		case "", "on":
			return "", false
		case "off":
			return "", true
		default:
			return analysis.Severity(l), false
		}
	}
}

// idle remarks on configurations in the directories that were asked for whose build at the
// top is that of no Dockerfile.
func (fd *finder) idle() {
	for _, f := range fd.configs {
		if f == nil || fd.applied[f] || len(f.Here()) == 0 || !fd.asked(f.Dir) {
			continue
		}
		var keys []string
		for _, s := range f.Here() {
			keys = append(keys, fmt.Sprintf("%q", s.Key))
		}
		fd.remarks = append(fd.remarks, fmt.Sprintf("%s of %s is of no Dockerfile, as none lies beside it: name one (dockerfile: PATH)",
			strings.Join(keys, ", "), display(f.Path)))
	}
	slices.Sort(fd.remarks)
	fd.remarks = slices.Compact(fd.remarks)
}

// asked reports whether all of a directory was asked for.
func (fd *finder) asked(dir string) bool {
	return slices.ContainsFunc(fd.whole, func(w string) bool { return within(dir, w) })
}
