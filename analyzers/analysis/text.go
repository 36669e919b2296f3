package analysis

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Clip is s, or, where s is longer than n bytes, its beginning and "...", n bytes
// together: no character is cut in the middle.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := max(0, n-len("..."))
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// Made is the history's entry of a layer as its Dockerfile has it: without what builders add.
func Made(createdBy string) string {
	text := strings.TrimSuffix(createdBy, " # buildkit")
	text = strings.Replace(text, "RUN /bin/sh -c ", "RUN ", 1)
	if rest, ok := strings.CutPrefix(text, "/bin/sh -c #(nop) "); ok { // the classic builder
		return strings.TrimSpace(rest)
	}
	if rest, ok := strings.CutPrefix(text, "/bin/sh -c "); ok {
		return "RUN " + rest
	}
	return text
}

// Words are those of an embedded table of names; lines that begin with "#" are comments.
func Words(table string) map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "#") {
			for _, w := range strings.Fields(line) {
				words[w] = true
			}
		}
	}
	return words
}

// Or writes a list of choices: "a", "a or b", "a, b or c".
func Or(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// And writes a list for a message: "a", "a and b", "a, b and c", and, where it
// has more than most words, "a, b and 3 more".
func And(words []string, most int) string {
	if n := len(words); n > most {
		words = append(words[:most-1:most-1], fmt.Sprintf("%d more", n-most+1))
	}
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
