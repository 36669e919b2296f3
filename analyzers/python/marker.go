package python

import (
	"fmt"
	"regexp"
	"strings"
)

// A Marker is an environment marker of PEP 508.
type Marker struct {
	Text string // as written, blanks around it cut off
	root *markerNode
}

// A markerNode is "and", "or", or a comparison.
type markerNode struct {
	op          string // "and", "or", or the comparison's operator
	left, right *markerNode
	lhs, rhs    operand
}

// An operand is a variable or a quoted string.
type operand struct {
	variable bool
	text     string
}

// maxMarkerDepth is how deep parentheses nest.
const maxMarkerDepth = 100

var (
	reVariable = regexp.MustCompile(
		`^(implementation_version|platform_python_implementation|implementation_name|python_full_version|platform_release|` +
			`platform_version|platform_machine|platform_system|python_version|sys_platform|os_name|os\.name|sys\.platform|platform\.version|` +
			`platform\.machine|platform\.python_implementation|python_implementation|extras?|dependency_groups)`,
	)
	reQuoted   = regexp.MustCompile(`^(?:'[^'\n]*'|"[^"\n]*")`)
	reMarkerOp = regexp.MustCompile(`^(===|==|>=|<=|!=|~=|>|<|not\s+in|in)`)
	reBool     = regexp.MustCompile(`^(and|or)`)
)

// aliases are the names that PEP 345 and setuptools gave the variables.
var aliases = map[string]string{
	"os.name": "os_name", "sys.platform": "sys_platform", "platform.version": "platform_version",
	"platform.machine":               "platform_machine",
	"platform.python_implementation": "platform_python_implementation", "python_implementation": "platform_python_implementation",
}

// ParseMarker parses an environment marker.
func ParseMarker(text string) (*Marker, error) {
	p := &scanner{rest: text}
	n, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.rest != "" {
		return nil, fmt.Errorf("invalid marker: want the end at %q", p.near())
	}
	return &Marker{Text: strings.TrimSpace(text), root: n}, nil
}

// expr is: or-terms of and-terms of atoms.
func (p *scanner) expr(depth int) (*markerNode, error) {
	if depth > maxMarkerDepth {
		return nil, fmt.Errorf("invalid marker: parentheses nest more than %d deep", maxMarkerDepth)
	}
	var or *markerNode
	for {
		and, err := p.atom(depth)
		if err != nil {
			return nil, err
		}
		op := ""
		for p.blanks(); ; p.blanks() {
			if op = p.match(reBool); op != "and" {
				break
			}
			right, err := p.atom(depth)
			if err != nil {
				return nil, err
			}
			and = &markerNode{op: "and", left: and, right: right}
		}
		if or == nil {
			or = and
		} else {
			or = &markerNode{op: "or", left: or, right: and}
		}
		if op == "" {
			return or, nil
		}
	}
}

func (p *scanner) atom(depth int) (*markerNode, error) {
	p.blanks()
	if p.take("(") {
		n, err := p.expr(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.blanks(); !p.take(")") {
			return nil, fmt.Errorf(`invalid marker: want ")" at %q`, p.near())
		}
		return n, nil
	}
	n := &markerNode{}
	var err error
	if n.lhs, err = p.operand(); err != nil {
		return nil, err
	}
	p.blanks()
	if n.op = p.match(reMarkerOp); n.op == "" {
		return nil, fmt.Errorf("invalid marker: want a comparison at %q", p.near())
	}
	if strings.HasPrefix(n.op, "not") {
		n.op = "not in"
	}
	n.rhs, err = p.operand()
	return n, err
}

func (p *scanner) operand() (operand, error) {
	p.blanks()
	if q := p.match(reQuoted); q != "" {
		return operand{text: q[1 : len(q)-1]}, nil
	}
	v := p.match(reVariable)
	if v == "" {
		return operand{}, fmt.Errorf("invalid marker: want a variable or a quoted string at %q", p.near())
	}
	if a, ok := aliases[v]; ok {
		v = a
	}
	return operand{variable: true, text: v}, nil
}
