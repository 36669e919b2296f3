package requirements

import (
	"bytes"
	"iter"
	"regexp"
	"strings"
	"unicode"
)

// A line is a logical line: continuations joined, comments dropped.
type line struct {
	number, end int
	text        string
}

// logical splits text as pip does: Python's line ends, a backslash at the end
// joins lines, except behind a comment.
func logical(text string) iter.Seq[line] {
	return func(yield func(line) bool) {
		more := true
		var joined strings.Builder
		first := 0
		emit := func(number, end int, s string) {
			if loc := commentAt(s); loc >= 0 {
				s = s[:loc]
			}
			if s = strings.TrimSpace(s); s != "" {
				more = more && yield(line{number, end, s})
			}
		}
		n := 0
		for l := range splitLines(text) {
			if !more {
				return
			}
			n++
			isComment := commentAt(l) == 0
			if !strings.HasSuffix(l, `\`) || isComment {
				if isComment {
					l = " " + l
				}
				if first > 0 {
					joined.WriteString(l)
					emit(first, n, joined.String())
					joined.Reset()
					first = 0
				} else {
					emit(n, n, l)
				}
				continue
			}
			if first == 0 {
				first = n
			}
			joined.WriteString(strings.Trim(l, `\`))
		}
		if first > 0 {
			emit(first, n, joined.String())
		}
	}
}

// commentAt is where a comment begins in l, the blanks before it included: at
// the beginning or behind a blank. It is -1 if there is none.
func commentAt(l string) int {
	for i := 0; ; i++ {
		n := strings.IndexByte(l[i:], '#')
		if n < 0 {
			return -1
		}
		i += n
		before := strings.TrimRightFunc(l[:i], unicode.IsSpace)
		if i == 0 || len(before) < i {
			return len(before)
		}
	}
}

// splitLines is Python's str.splitlines.
func splitLines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := 0
		for i, c := range text {
			if i < start {
				continue
			}
			size := 0
			switch c {
			case '\n', '\v', '\f', '\x1c', '\x1d', '\x1e':
				size = 1
			case '\r':
				size = 1
				if strings.HasPrefix(text[i:], "\r\n") {
					size = 2
				}
			case '\u0085':
				size = 2
			case '\u2028', '\u2029':
				size = 3
			}
			if size > 0 {
				if !yield(text[start:i]) {
					return
				}
				start = i + size
			}
		}
		if start < len(text) {
			yield(text[start:])
		}
	}
}

var reEnv = regexp.MustCompile(`\$\{[A-Z0-9_]+\}`)

// HasVariable reports whether text holds ${NAME}, which pip expands from its
// environment: its value is not known here.
func HasVariable(text string) bool { return reEnv.MatchString(text) }

var reCoding = regexp.MustCompile(`coding[:=]\s*([-\w.]+)`)

// declared is the encoding that a comment on one of the first two lines names
// (PEP 263), in lower case; "" if there is none.
func declared(content []byte) string {
	for _, l := range bytes.SplitN(content, []byte("\n"), 3)[:min(2, bytes.Count(content, []byte("\n"))+1)] {
		if bytes.HasPrefix(l, []byte("#")) {
			if m := reCoding.FindSubmatch(l); m != nil {
				return strings.ToLower(string(m[1]))
			}
		}
	}
	return ""
}
