package analysis

import (
	"fmt"
	"strings"
)

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
