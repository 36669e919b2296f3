package requirements

import (
	"fmt"
	"regexp"
	"strings"
)

// options is what pip's parser makes of the options of a line.
type options struct {
	requirements, constraints, editable, findLinks, hashes []string
	requireHashes, noIndex                                 bool
}

// An option is one that pip takes in a file.
type option struct {
	value bool                             // it takes one
	set   func(o *options, v string) error // nil: it does not matter here
}

func appendTo(list func(*options) *[]string) option {
	return option{true, func(o *options, v string) error {
		l := list(o)
		*l = append(*l, v)
		return nil
	}}
}

func flag(set func(*options)) option {
	return option{false, func(o *options, _ string) error { set(o); return nil }}
}

// fileOptions are the options that pip takes in a file.
var fileOptions = map[string]option{
	"-i": {value: true}, "--index-url": {value: true}, "--pypi-url": {value: true}, "--extra-index-url": {value: true},
	"--no-index":    flag(func(o *options) { o.noIndex = true }),
	"-c":            appendTo(func(o *options) *[]string { return &o.constraints }),
	"--constraint":  appendTo(func(o *options) *[]string { return &o.constraints }),
	"-r":            appendTo(func(o *options) *[]string { return &o.requirements }),
	"--requirement": appendTo(func(o *options) *[]string { return &o.requirements }),
	"-e":            appendTo(func(o *options) *[]string { return &o.editable }),
	"--editable":    appendTo(func(o *options) *[]string { return &o.editable }),
	"-f":            appendTo(func(o *options) *[]string { return &o.findLinks }),
	"--find-links":  appendTo(func(o *options) *[]string { return &o.findLinks }),
	"--no-binary":   {true, noDash}, "--only-binary": {true, noDash},
	"--prefer-binary":   {},
	"--require-hashes":  flag(func(o *options) { o.requireHashes = true }),
	"--pre":             {},
	"--trusted-host":    {value: true},
	"--use-feature":     {true, feature},
	"--global-option":   {value: true},
	"--hash":            {true, hash},
	"-C":                {true, setting},
	"--config-setting":  {true, setting},
	"--config-settings": {true, setting},
}

func noDash(_ *options, v string) error {
	if strings.HasPrefix(v, "-") {
		return fmt.Errorf("--no-binary and --only-binary want :all:, :none: or names, not %q", v)
	}
	return nil
}

var strongHash = regexp.MustCompile(`^(sha256|sha384|sha512):`)

func hash(o *options, v string) error {
	if !strongHash.MatchString(v) {
		return fmt.Errorf("--hash=%s: want sha256, sha384 or sha512, a colon and a digest", v)
	}
	o.hashes = append(o.hashes, v)
	return nil
}

func setting(_ *options, v string) error {
	if !strings.Contains(v, "=") {
		return fmt.Errorf("--config-settings wants KEY=VALUE, not %q", v)
	}
	return nil
}

// features are the names that pip has known for --use-feature.
var features = map[string]bool{
	"fast-deps": true, "truststore": true, "2020-resolver": true, "in-tree-build": true, "no-binary-enable-wheel-cache": true,
	"resume-retries": true, "inprocess-build-deps": true, "build-constraint": true,
}

func feature(_ *options, v string) error {
	if !features[v] {
		return fmt.Errorf("--use-feature: pip knows no feature %q", v)
	}
	return nil
}

// breakOptions splits a line at the first word that begins with "-": what
// stands before it is the requirement.
func breakOptions(text string) (args, opts string) {
	at := 0
	for word := range strings.SplitSeq(text, " ") {
		if strings.HasPrefix(word, "-") {
			return strings.TrimSuffix(text[:at], " "), text[at:]
		}
		at += len(word) + 1
	}
	return text, ""
}

// parseOptions reads options as Python's optparse does: long ones may be
// abbreviated, short ones be joined, other words are passed over.
func parseOptions(text string) (*options, error) {
	o := &options{}
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case word == "--":
			return o, nil
		case strings.HasPrefix(word, "--"):
			name, value, glued := strings.Cut(word, "=")
			full, err := long(name)
			if err != nil {
				return nil, err
			}
			opt := fileOptions[full]
			switch {
			case !opt.value && glued:
				return nil, fmt.Errorf("%s takes no value", full)
			case opt.value && !glued:
				if len(words) == 0 {
					return nil, fmt.Errorf("%s wants a value", full)
				}
				value, words = words[0], words[1:]
			}
			if opt.set != nil {
				if err := opt.set(o, value); err != nil {
					return nil, err
				}
			}
		case strings.HasPrefix(word, "-") && word != "-":
			for i := 1; i < len(word); i++ {
				name := "-" + word[i:i+1]
				opt, ok := fileOptions[name]
				if !ok {
					return nil, fmt.Errorf("pip takes no option %s in a file", name)
				}
				if !opt.value {
					continue
				}
				value := word[i+1:]
				if value == "" {
					if len(words) == 0 {
						return nil, fmt.Errorf("%s wants a value", name)
					}
					value, words = words[0], words[1:]
				}
				if opt.set != nil {
					if err := opt.set(o, value); err != nil {
						return nil, err
					}
				}
				break
			}
		}
	}
	return o, nil
}

// long finds the option that name is, or is the beginning of.
func long(name string) (string, error) {
	if _, ok := fileOptions[name]; ok {
		return name, nil
	}
	found := ""
	for full := range fileOptions {
		if strings.HasPrefix(full, name) {
			if found != "" {
				return "", fmt.Errorf("option %s is ambiguous", name)
			}
			found = full
		}
	}
	if found == "" {
		return "", fmt.Errorf("pip takes no option %s in a file", name)
	}
	return found, nil
}

// splitWords is Python's shlex.split: blanks, quotes and backslashes.
func splitWords(text string) ([]string, error) {
	var out []string
	var b strings.Builder
	open, quote := false, rune(0)
	escaped := false
	for _, c := range text {
		switch {
		case escaped:
			if quote == '"' && c != '"' && c != '\\' {
				b.WriteByte('\\')
			}
			b.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				b.WriteRune(c)
			}
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if open {
				out = append(out, b.String())
				b.Reset()
				open = false
			}
		default:
			b.WriteRune(c)
			open = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("no closing quotation in the options %q", text)
	}
	if open {
		out = append(out, b.String())
	}
	return out, nil
}
