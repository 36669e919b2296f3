package projects

import (
	"regexp"
	"strings"
)

// reVariable is the beginning of $NAME or ${NAME, and what follows the name in braces
// (compose-spec, "Interpolation").
var reVariable = regexp.MustCompile(`^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-?+]|\}))`)

// Limits of a text whose variables are written out.
const (
	maxExpanded = 64 << 10 // bytes
	maxNested   = 5        // variables in each other's defaults
)

// expand writes out the variables of a text of a file: $NAME, ${NAME}, ${NAME:-default} and
// its kin; $$ is a dollar. Unknown is a variable that has no value, "" if all have.
func (c *compose) expand(file, text string) (out, unknown string) {
	if !strings.Contains(text, "$") {
		return text, ""
	}
	x := &expansion{vars: c.environment(file)}
	out, _ = x.text(text, false, 0)
	return out, x.unknown
}

// An expansion is of one text.
type expansion struct {
	vars    map[string]string
	size    int // bytes that were written
	unknown string
}

func (x *expansion) lacks(name string) {
	if x.unknown == "" {
		x.unknown = name
	}
}

// text writes out s, or, if it stands in braces, what is before the brace that closes them;
// rest is what follows.
func (x *expansion) text(s string, braces bool, depth int) (out, rest string) {
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "$}")
		switch {
		case i < 0:
			i = len(s)
		case s[i] == '}' && braces:
			b.WriteString(s[:i])
			return b.String(), s[i+1:]
		case s[i] == '}':
			i++
		}
		if i > 0 {
			b.WriteString(s[:i])
			if x.size += i; x.size > maxExpanded {
				x.lacks("a text of more than the limit")
				return "", ""
			}
			s = s[i:]
			continue
		}
		m := reVariable.FindStringSubmatch(s)
		switch {
		case strings.HasPrefix(s, "$$"):
			b.WriteByte('$')
			s = s[2:]
		case m == nil || depth > maxNested:
			x.lacks(s[:min(len(s), 20)])
			return "", ""
		default:
			var value string
			value, s = x.variable(m[1]+m[2], m[3], s[len(m[0]):], depth)
			if x.size += len(value); x.size > maxExpanded {
				x.lacks("a text of more than the limit")
				return "", ""
			}
			b.WriteString(value)
		}
	}
	return b.String(), ""
}

// variable is the value of one, with what stands behind its operator, and what follows it.
func (x *expansion) variable(name, op, s string, depth int) (value, rest string) {
	value, set := x.vars[name]
	if op == "" || op == "}" {
		if !set {
			x.lacks(name)
		}
		return value, s
	}
	before := x.unknown
	other, rest := x.text(s, true, depth+1)
	if strings.HasPrefix(op, ":") && value == "" {
		set = false
	}
	switch {
	case strings.HasSuffix(op, "+") && set, strings.HasSuffix(op, "-") && !set:
		return other, rest
	case strings.HasSuffix(op, "+"):
		value = ""
	case !set: // ${NAME:?error}
		x.lacks(name)
		return "", rest
	}
	x.unknown = before // of what does not count
	return value, rest
}

// parseEnv reads the lines KEY=VALUE of a .env file: comments and quotes as compose has
// them, but for escapes.
func parseEnv(text string) map[string]string {
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && strings.IndexByte(value[1:], value[0]) >= 0 {
			value = value[1 : 1+strings.IndexByte(value[1:], value[0])]
		} else if i := strings.Index(value, " #"); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		vars[strings.TrimSpace(key)] = value
	}
	return vars
}
