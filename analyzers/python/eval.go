package python

import (
	"strings"
)

// A Truth is the value of a marker in an environment of which not all is known.
type Truth int8

const (
	Unknown Truth = iota
	True
	False
)

// An Environment is the marker variables that are known; others are unknown.
type Environment map[string]string

// Eval evaluates m: unknown variables make unknown what depends on them.
// A nil marker is true.
func (m *Marker) Eval(env Environment) Truth {
	if m == nil {
		return True
	}
	return m.root.eval(env)
}

func (n *markerNode) eval(env Environment) Truth {
	switch n.op {
	case "and", "or":
		stop := False
		if n.op == "or" {
			stop = True
		}
		a, b := n.left.eval(env), n.right.eval(env)
		switch {
		case a == stop || b == stop:
			return stop
		case a == Unknown || b == Unknown:
			return Unknown
		}
		return a
	}
	lhs, ok1 := n.lhs.value(env)
	rhs, ok2 := n.rhs.value(env)
	if !ok1 || !ok2 {
		return Unknown
	}
	if n.lhs.text == "extra" || n.rhs.text == "extra" {
		lhs, rhs = NormalizeName(lhs), NormalizeName(rhs)
	}
	return compare(lhs, n.op, rhs)
}

func (o operand) value(env Environment) (string, bool) {
	if !o.variable {
		return o.text, true
	}
	v, ok := env[o.text]
	return v, ok
}

// compare compares as PEP 508 has it: as versions where the right side is a
// specifier's version, else as strings.
func compare(lhs, op, rhs string) Truth {
	truth := func(b bool) Truth {
		if b {
			return True
		}
		return False
	}
	switch op {
	case "in":
		return truth(strings.Contains(rhs, lhs))
	case "not in":
		return truth(!strings.Contains(rhs, lhs))
	}
	if s, err := ParseSpecifier(op + rhs); err == nil && len(s) == 1 && !s[0].Legacy {
		if ok, err := s.Allows(lhs); err == nil {
			return truth(ok)
		}
	}
	switch op {
	case "==", "===":
		return truth(lhs == rhs)
	case "!=":
		return truth(lhs != rhs)
	case "<":
		return truth(lhs < rhs)
	case "<=":
		return truth(lhs <= rhs)
	case ">":
		return truth(lhs > rhs)
	case ">=":
		return truth(lhs >= rhs)
	}
	return Unknown // "~=" of what is no version
}
