package report

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/tareweight/tare/analyzers/analysis"
)

// reRule is the name of a rule or a check.
var reRule = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)

// maxBytes is more than any image has.
const maxBytes = 1 << 50

// valid says what of a stored document no run can have written: the formats print it without another look.
func (d *Document) valid() error {
	for i := range d.Targets {
		t := &d.Targets[i]
		for _, list := range [][]Finding{t.Findings, t.Known} {
			for j := range list {
				if err := list[j].valid(); err != nil {
					return err
				}
			}
		}
		for j := range t.Ignored {
			if err := t.Ignored[j].valid(); err != nil {
				return err
			}
		}
		for _, n := range t.NotRun {
			if !reRule.MatchString(n.Rule) {
				return fmt.Errorf("%q is no rule", n.Rule)
			}
		}
		sizes := []int64{}
		if s := t.Savings; s != nil {
			sizes = append(sizes, s.Unpacked, s.Download)
		}
		if im := t.Image; im != nil {
			for _, n := range []*int64{im.CompressedBytes, im.UnpackedBytes} {
				if n != nil {
					sizes = append(sizes, *n)
				}
			}
			for _, l := range im.Layers {
				if im.UnpackedBytes != nil && l.UnpackedBytes == nil {
					return errors.New("a layer of an image has no size")
				}
				for _, n := range []*int64{l.CompressedBytes, l.UnpackedBytes} {
					if n != nil {
						sizes = append(sizes, *n)
					}
				}
			}
			for _, p := range im.Packages {
				sizes = append(sizes, p.Bytes)
			}
			for _, x := range im.Tree {
				sizes = append(sizes, x.Bytes)
			}
			for _, f := range im.Files {
				sizes = append(sizes, f.Bytes)
			}
		}
		if n := slices.IndexFunc(sizes, func(n int64) bool { return n < 0 || n > maxBytes }); n >= 0 {
			return fmt.Errorf("%d is no size", sizes[n])
		}
	}
	return nil
}

func (f *Finding) valid() error {
	switch f.Severity {
	case analysis.Error, analysis.Warning, analysis.Note:
	default:
		return fmt.Errorf("%q is no severity", f.Severity)
	}
	if !reRule.MatchString(f.Rule) {
		return fmt.Errorf("%q is no rule", f.Rule)
	}
	if b := f.Bytes; b != nil && (min(b.Unpacked, b.Download) < 0 || max(b.Unpacked, b.Download) > maxBytes) {
		return fmt.Errorf("%d and %d are no sizes", b.Unpacked, b.Download)
	}
	if f.Swap && f.Bytes == nil {
		return errors.New("a finding saves bytes and has none")
	}
	return nil
}
