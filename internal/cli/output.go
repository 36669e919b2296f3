package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/report"
)

// A destination is one format and where it goes; a file of "" is standard output.
type destination struct{ name, file string }

// destinations reads what --format and --output say: each FORMAT or FORMAT=FILE, of names.
func destinations(formats []string, file string, names []string) (outs []destination, err error) {
	if len(formats) == 0 {
		formats = names[:1]
	}
	stdout := 0
	for _, s := range formats {
		name, to, _ := strings.Cut(s, "=")
		if !slices.Contains(names, name) {
			return nil, usage("unknown format %q: want one of %s", name, strings.Join(names, ", "))
		}
		if to == "" && file != "" {
			to = file
		}
		if to == "" || to == "-" {
			to = ""
			stdout++
		}
		if to != "" {
			if err := writable(to); err != nil {
				return nil, err
			}
		}
		outs = append(outs, destination{name, to})
	}
	for i, o := range outs {
		for _, before := range outs[:i] {
			if o.file != "" && absolute(o.file) == absolute(before.file) && !stream(o.file) {
				return nil, usage("%s and %s would both be written to %q: give each a file of its own", before.name, o.name, o.file)
			}
		}
	}
	if stdout > 1 {
		return nil, usage("%d formats would go to standard output: give all but one a file, as in -f sarif=out.sarif", stdout)
	}
	return outs, nil
}

// deliver writes a report whole or not at all.
func (o destination) deliver(std Streams, text []byte) error {
	if o.file != "" {
		return replaceFile(o.file, text)
	}
	_, err := std.Out.Write(text)
	return err
}

// stream reports whether what is written to a file follows what was written to it
// before: a terminal or a pipe, such as /dev/stderr.
func stream(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// write writes the report in each format.
func write(std Streams, doc *report.Document, outs []destination, opt report.Options) error {
	for _, o := range outs {
		var b bytes.Buffer
		opt.Color, opt.Links, opt.Width = false, false, 0
		if o.file == "" {
			opt.Color, opt.Width = colored(std.Out), columns(std.Out)
			opt.Links = opt.Color && isTerminal(std.Out)
		}
		format, _ := report.FormatOf(o.name)
		err := format.Write(&b, doc, opt)
		if err == nil {
			err = o.deliver(std, b.Bytes())
		}
		if err != nil {
			return fmt.Errorf("write %s report: %w", o.name, err)
		}
	}
	return nil
}

// replaceFile writes a file by way of another beside it. What is no regular
// file, such as /dev/stderr, is written in place.
func replaceFile(name string, data []byte) error {
	if root, err := checkout.Find("."); err == nil && !filepath.IsAbs(name) && filepath.IsLocal(name) {
		_, err := root.Stat(filepath.Dir(name)) // a link of the checkout must not lead it elsewhere
		root.Close()
		if errors.Is(err, checkout.ErrOutside) {
			return fmt.Errorf("%q: %w", filepath.Dir(name), err)
		}
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0) // a pipe that nobody reads is an error
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".tare-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// columns is how wide a terminal is; 0 of anything else.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// colored reports whether w is a terminal that wants colours (no-color.org,
// force-color.org).
func colored(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	if v := os.Getenv("FORCE_COLOR"); v != "" && v != "0" {
		return true
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
