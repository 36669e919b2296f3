package projects

import (
	"regexp"
	"strings"
)

// reVariable is one of $$, $NAME, ${NAME} and ${NAME:-text} with its kin (compose-spec,
// "Interpolation").
var reVariable = regexp.MustCompile(`\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])([^{}]*))?\})`)

// maxExpanded is how many bytes a text may have, its variables written out.
const maxExpanded = 64 << 10

// expand writes out the variables of a text of a file. Unknown is one that has no value,
// "" if all have.
func (c *compose) expand(file, text string) (out, unknown string) {
	if !strings.Contains(text, "$") {
		return text, ""
	}
	vars := c.environment(file)
	size := 0
	one := func(s string) string {
		m := reVariable.FindStringSubmatch(s)
		if s == "$$" {
			return "$"
		}
		name, op := m[1]+m[2], m[3]
		value, set := vars[name]
		if strings.HasPrefix(op, ":") && value == "" {
			set = false
		}
		switch {
		case strings.HasSuffix(op, "+"):
			if value = ""; set {
				value = m[4]
			}
		case set:
		case strings.HasSuffix(op, "-"):
			value = m[4]
		default:
			unknown, value = name, ""
		}
		if size += len(value); size > maxExpanded {
			unknown = name
			return ""
		}
		return value
	}
	out = reVariable.ReplaceAllStringFunc(text, one)
	for range maxNested { // ${A:-${B}}: the inner ones are written out first
		if strings.Contains(out, "${") {
			out = reVariable.ReplaceAllStringFunc(out, one)
		}
	}
	if unknown == "" && strings.Contains(out, "${") {
		unknown = out
	}
	return out, unknown
}

// maxNested is how deep variables may stand in each other's defaults.
const maxNested = 5

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
