package dockerfile

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A source is the lines of a Dockerfile. BuildKit gives an instruction's text
// joined and its first and last line alone: the join is made once more here,
// so that every byte of the text has its line.
type source struct {
	lines        [][]byte // each with its end of line
	continuation *regexp.Regexp
}

func newSource(src []byte, escape rune) *source {
	esc := regexp.QuoteMeta(string(escape))
	return &source{
		lines: bytes.SplitAfter(src, []byte("\n")),
		// BuildKit's own rule: an escape that is no escaped escape, and blanks.
		continuation: regexp.MustCompile(`([^` + esc + `])` + esc + `[ \t]*$|^` + esc + `[ \t]*$`),
	}
}

// locate sets the text, the line table and the heredocs of inst, which node
// describes.
func (s *source) locate(inst *analysis.Instruction, node *parser.Node) {
	inst.Text = strings.TrimSpace(node.Original)
	text, table, last := s.join(node.StartLine)
	if strings.TrimSpace(text) == inst.Text {
		inst.Lines = table
	} else { // BuildKit joined it in a way that is not known here: the first line is true all the same
		inst.Lines = analysis.LineTable{{Offset: 0, Line: node.StartLine}}
	}
	line := last + 1
	for _, h := range node.Heredocs {
		inst.Heredocs = append(inst.Heredocs,
			analysis.Heredoc{Name: h.Name, Content: h.Content, Line: line, Chomp: h.Chomp, Expand: h.Expand})
		line += strings.Count(h.Content, "\n") + 1
	}
}

// join joins the instruction that begins on the line first: blanks before it
// and comments, empty lines and escapes at the ends of lines inside it are
// dropped. Last is its last line, heredocs left out.
func (s *source) join(first int) (text string, table analysis.LineTable, last int) {
	var b strings.Builder
	for n := first; n <= len(s.lines); n++ {
		raw := s.lines[n-1]
		if n == len(s.lines) && len(raw) == 0 {
			break
		}
		line := bytes.TrimRight(raw, "\r\n")
		blank := bytes.TrimLeftFunc(line, unicode.IsSpace)
		last = n
		if n == first {
			if n == 1 {
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			line = bytes.TrimLeftFunc(line, unicode.IsSpace)
		} else if len(blank) == 0 || blank[0] == '#' {
			continue
		}
		more := s.continuation.Match(line)
		if more {
			line = s.continuation.ReplaceAll(line, []byte("$1"))
		}
		if len(line) > 0 || n == first {
			table = append(table, analysis.LineStart{Offset: b.Len(), Line: n})
		}
		b.Write(line)
		if !more {
			break
		}
	}
	return b.String(), table, last
}
