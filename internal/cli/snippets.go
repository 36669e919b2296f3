package cli

import (
	"bytes"
	"path/filepath"

	"github.com/tareweight/tare/analyzers/requirements"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/driver"
)

// maxSnippetFile is how large a file may be of which lines are shown. It is as
// large as a file of requirements may be.
const maxSnippetFile = requirements.MaxSize

// snippets returns a function that gives the lines first to last of a file of t's
// build context, as the report names it. Findings come file by file: one file is
// kept, and of that where its lines begin.
func snippets(t driver.Target) func(name string, first, last int) []string {
	var kept string
	var text []byte
	var starts []int32
	return func(name string, first, last int) (lines []string) {
		if name != kept {
			kept, text = name, contextFile(t, name)
			starts = starts[:0]
			for at := 0; at < len(text); {
				starts = append(starts, int32(at))
				n := bytes.IndexByte(text[at:], '\n')
				if n < 0 {
					break
				}
				at += n + 1
			}
		}
		for n := first; n <= last && n >= 1 && n <= len(starts); n++ {
			line, _, _ := bytes.Cut(text[starts[n-1]:], []byte("\n"))
			lines = append(lines, string(bytes.TrimSuffix(line, []byte("\r"))))
		}
		return lines
	}
}

// contextFile reads a file of t's build context, as the report names it; nil
// where it is none, or too large.
func contextFile(t driver.Target, name string) []byte {
	for _, p := range t.Pods {
		if p.Manifest.Text != nil && p.Manifest.Path == name {
			return p.Manifest.Text
		}
	}
	if t.Context == nil {
		return nil
	}
	rel, err := filepath.Rel(filepath.FromSlash(t.ContextDir), filepath.FromSlash(name))
	if err != nil || !filepath.IsLocal(rel) {
		return nil
	}
	f, err := t.Context.Open(filepath.ToSlash(rel))
	if err != nil {
		return nil
	}
	defer f.Close()
	text, _ := checkout.ReadLimited(f, maxSnippetFile)
	return text
}
