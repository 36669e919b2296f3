// Package python reads the names, versions, specifiers, requirements and
// markers of Python packaging: PEP 440, 503 and 508, as pip takes them.
package python

import (
	"fmt"
	"regexp"
	"strings"
)

// NormalizeName is PEP 503's: lower case, runs of "-", "_" and "." as one "-".
func NormalizeName(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

var separators = regexp.MustCompile(`[-_.]+`)

// A Requirement is a named requirement of PEP 508.
type Requirement struct {
	Name      string // as written
	Extras    []string
	Specifier Specifier
	URL       string  // of "name @ url"; then Specifier is empty
	Marker    *Marker // nil if there is none
}

// A Specifier is the clauses of a version specifier, duplicates left out.
type Specifier []Clause

// A Clause is one comparison with a version.
type Clause struct {
	Op      string // "==", "===", "~=", "!=", "<=", ">=", "<", ">"
	Version string
	Legacy  bool // no version of PEP 440: pip took it until 24.1
}

// Exact reports whether s names exactly one version: one "==" without a
// wildcard or one "===", of PEP 440. Clauses of other kinds beside it do not
// spoil it.
func (s Specifier) Exact() bool {
	n := 0
	for _, c := range s {
		if c.Legacy {
			return false
		}
		if c.Op == "===" || c.Op == "==" && !strings.HasSuffix(c.Version, ".*") {
			n++
		}
	}
	return n == 1
}

// Pin returns the version of an exact specifier.
func (s Specifier) Pin() string {
	for _, c := range s {
		if c.Op == "===" || c.Op == "==" && !strings.HasSuffix(c.Version, ".*") {
			return c.Version
		}
	}
	return ""
}

func (s Specifier) String() string {
	var parts []string
	for _, c := range s {
		parts = append(parts, c.Op+c.Version)
	}
	return strings.Join(parts, ",")
}

const (
	epochRelease = `v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*`
	pre          = `(?:[-_.]?(?:alpha|a|beta|b|preview|pre|rc|c)[-_.]?[0-9]*)?`
	post         = `(?:(?:-[0-9]+)|(?:[-_.]?(?:post|rev|r)[-_.]?[0-9]*))?`
	dev          = `(?:[-_.]?dev[-_.]?[0-9]*)?`
	local        = `(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?`
)

var (
	reName   = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?`)
	reScheme = regexp.MustCompile(`(?i)^(file:|[a-z][a-z0-9+.-]*://[^/?#])`)
	reURL    = regexp.MustCompile(`^[^ ]+`)
	reLegacy = regexp.MustCompile(`^(==|!=|<=|>=|<|>)(\s*)([^,;\s)]*)`)
	// The clauses of PEP 440, by operator.
	reClauses = []*regexp.Regexp{
		regexp.MustCompile(`(?i)^(===)(\s*)([^\s]*)`),
		regexp.MustCompile(`(?i)^(==|!=)(\s*)(` + epochRelease + `(?:\.\*|` + pre + post + dev + local + `))`),
		regexp.MustCompile(`(?i)^(~=)(\s*)(v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)+` + pre + post + dev + `)`),
		regexp.MustCompile(`(?i)^(<=|>=|<|>)(\s*)(` + epochRelease + pre + post + dev + `)`),
	}
	reVersion = regexp.MustCompile(`(?i)^\s*` + epochRelease + pre + post + dev + local + `\s*$`)
)

// ValidVersion reports whether v is a version of PEP 440.
func ValidVersion(v string) bool { return reVersion.MatchString(v) }

// ParseRequirement parses a named requirement as pip does: PEP 508, versions
// of PEP 440 or, as pip took them until 24.1, any other text.
func ParseRequirement(text string) (Requirement, error) {
	p := &scanner{rest: text}
	var r Requirement
	p.blanks()
	if r.Name = p.match(reName); r.Name == "" {
		return r, fmt.Errorf("want a name at %q", p.near())
	}
	p.blanks()
	if p.take("[") {
		for first := true; ; first = false {
			p.blanks()
			if first && p.take("]") {
				break
			}
			extra := p.match(reName)
			if extra == "" {
				return r, fmt.Errorf("want an extra at %q", p.near())
			}
			r.Extras = append(r.Extras, extra)
			p.blanks()
			if p.take("]") {
				break
			}
			if !p.take(",") {
				return r, fmt.Errorf(`want "," or "]" at %q`, p.near())
			}
		}
		p.blanks()
	}
	if p.take("@") {
		p.blanks()
		if r.URL = p.match(reURL); r.URL == "" {
			return r, fmt.Errorf("want a URL behind %q", "@")
		}
		if !reScheme.MatchString(r.URL) {
			return r, fmt.Errorf("%q is no URL", r.URL)
		}
	} else if err := p.specifier(&r.Specifier); err != nil {
		return r, err
	}
	p.blanks()
	if p.take(";") {
		m, err := ParseMarker(p.rest)
		if err != nil {
			return r, err
		}
		r.Marker = m
		return r, nil
	}
	if p.rest != "" {
		return r, fmt.Errorf("want the end at %q", p.near())
	}
	return r, nil
}

// ParseSpecifier parses the clauses of a specifier. An empty text is an empty
// specifier.
func ParseSpecifier(text string) (Specifier, error) {
	var s Specifier
	p := &scanner{rest: text}
	if err := p.specifier(&s); err != nil {
		return nil, err
	}
	if p.blanks(); p.rest != "" {
		return nil, fmt.Errorf("want the end at %q", p.near())
	}
	return s, nil
}

// maxClauses is how many clauses a specifier may have: each is compared with the
// others. Real ones have up to some ten.
const maxClauses = 1000

func (p *scanner) specifier(s *Specifier) error {
	p.blanks()
	paren := p.take("(")
	for first := true; ; first = false {
		p.blanks()
		if first && (p.rest == "" || !strings.ContainsRune("=!<>~", rune(p.rest[0]))) {
			if paren {
				return fmt.Errorf("want a version at %q", p.near())
			}
			return nil
		}
		text := p.clause()
		if text == "" {
			return fmt.Errorf("want a version at %q", p.near())
		}
		for part := range strings.SplitSeq(text, ",") { // "===" takes commas too; pip splits at them afterwards
			if c, ok := clauseOf(part); ok {
				s.add(c)
			}
		}
		p.blanks()
		if !p.take(",") {
			break
		}
		if len(*s) > maxClauses {
			return fmt.Errorf("more than %d clauses", maxClauses)
		}
	}
	if paren && !p.take(")") {
		return fmt.Errorf(`want ")" at %q`, p.near())
	}
	return nil
}

// clause takes the longest clause at the cursor.
func (p *scanner) clause() string {
	n := len(reLegacy.FindString(p.rest))
	for _, re := range clausesFor(p.rest) {
		n = max(n, len(re.FindString(p.rest)))
	}
	text := p.rest[:n]
	p.rest = p.rest[n:]
	return text
}

// clausesFor are the grammars that a text may follow, by its first characters.
func clausesFor(text string) []*regexp.Regexp {
	switch {
	case strings.HasPrefix(text, "==="):
		return reClauses[:2]
	case strings.HasPrefix(text, "==") || strings.HasPrefix(text, "!="):
		return reClauses[1:2]
	case strings.HasPrefix(text, "~="):
		return reClauses[2:3]
	}
	return reClauses[3:]
}

// clauseOf reads a clause by itself: of PEP 440 if all of it is, else legacy.
func clauseOf(text string) (Clause, bool) {
	text = strings.TrimSpace(text)
	for _, re := range clausesFor(text) {
		if m := re.FindStringSubmatch(text); m != nil && len(m[0]) == len(text) {
			return Clause{Op: m[1], Version: m[3]}, true
		}
	}
	if m := reLegacy.FindStringSubmatch(text); m != nil {
		return Clause{Op: m[1], Version: strings.TrimPrefix(text, m[1]), Legacy: true}, true
	}
	return Clause{Op: "", Version: text, Legacy: true}, text != ""
}

// add adds c unless an equal clause is there: a specifier is a set.
func (s *Specifier) add(c Clause) {
	for _, x := range *s {
		if x.Op == c.Op && canonical(x.Version) == canonical(c.Version) {
			return
		}
	}
	*s = append(*s, c)
}

// canonical is enough of PEP 440's normal form to find equal clauses.
func canonical(v string) string {
	v = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(v), "v"))
	for strings.HasSuffix(v, ".0") {
		v = strings.TrimSuffix(v, ".0")
	}
	return v
}

// A scanner reads a text from the left.
type scanner struct{ rest string }

func (p *scanner) blanks() { p.rest = strings.TrimLeft(p.rest, " \t\n\r") }

func (p *scanner) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

func (p *scanner) match(re *regexp.Regexp) string {
	m := re.FindString(p.rest)
	p.rest = p.rest[len(m):]
	return m
}

// near is what stands at the cursor, for an error.
func (p *scanner) near() string {
	if len(p.rest) > 20 {
		return strings.ToValidUTF8(p.rest[:20], "") + "..."
	}
	return p.rest
}
