package redact

import (
	"regexp"
	"strings"
)

// Markdown is s as text of GitHub Flavored Markdown: none of it is markup, and none becomes a link, a
// mention or a reference to an issue. It is one line.
func Markdown(s string) string {
	var b strings.Builder
	for _, r := range live.ReplaceAllString(Printable(s), "$0\u200b") {
		if strings.ContainsRune("\\`*_{}[]<>()#+-.!|~&@:$=\"'", r) { // CommonMark 0.31, "Backslash escapes"
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// live is what GitHub makes links of wherever it stands in a text: a character without width behind
// it ends that (GitHub Flavored Markdown, "Autolinks"; docs.github.com, "Autolinked references").
var live = regexp.MustCompile(`(?i)@|#|://?|www\.?|mailto:|xmpp:|gh-|[0-9a-f]{7}`)

// Code is s as a code span of Markdown, in a table too: none of it is markup. It is one line.
func Code(s string) string {
	s = strings.ReplaceAll(Printable(s), "|", "\\|") // GitHub Flavored Markdown, "Tables"
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.Trim(s, " ") == "" {
		return "` `"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return fence + s + fence
}
