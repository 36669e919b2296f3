package redact

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is text for a terminal or a CI log: without credentials, on one
// line, and with what either would obey escaped.
func Printable(s string) string {
	s = Credentials(s)
	clean := !strings.Contains(s, "##[")
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			clean = false
		}
	}
	if !clean {
		var b strings.Builder
		for i, r := range s {
			switch {
			case r == utf8.RuneError:
				if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
					fmt.Fprintf(&b, `\x%02x`, s[i])
				} else {
					b.WriteRune(r)
				}
			case r == '\n', r == '\r', r == '\t':
				b.WriteByte(' ')
			case !unicode.IsPrint(r):
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		// runners carry out ##[command] anywhere in a line
		s = strings.ReplaceAll(b.String(), "##[", `#\u0023[`)
	}
	// and ::command:: where a line begins with it, blanks before it left out
	if rest := strings.TrimLeftFunc(s, unicode.IsSpace); strings.HasPrefix(rest, "::") {
		s = s[:len(s)-len(rest)] + `\u003a` + rest[1:]
	}
	return s
}

// JSON escapes, in a text of JSON, what a terminal that it is printed to would
// obey, what shows it in another order than it has, and what a runner carries
// out. Its meaning stays.
func JSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:])
		}
		switch {
		case r == '#' && strings.HasPrefix(string(text[i:min(len(text), i+3)]), "##["):
			out = append(out, `\u0023`...) // "#" stands in strings alone
		case r == 0x7f,
			r >= 0x80 && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == 0x2028 || r == 0x2029) && r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[i:i+n]...)
		}
		i += n
	}
	return out
}
