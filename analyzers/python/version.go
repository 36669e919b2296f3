package python

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"
)

// The library compares versions. It differs from Python's packaging in how it
// matches prefixes, in the epoch of "~=", in the separators of local versions
// and in what it takes for a specifier: those are decided here, behind the
// grammar of this package.

// parseVersion reads a version of PEP 440, its local part normalised.
func parseVersion(v string) (pep440.Version, error) {
	if !ValidVersion(v) {
		return pep440.Version{}, fmt.Errorf("%q is no version of PEP 440", v)
	}
	return pep440.Parse(normalize(v))
}

// normalize writes the separators of a local version as PEP 440 wants them.
func normalize(v string) string {
	v = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(v)), "v")
	public, local, ok := strings.Cut(v, "+")
	if !ok {
		return public
	}
	return public + "+" + strings.NewReplacer("-", ".", "_", ".").Replace(local)
}

// Compare orders two versions of PEP 440: -1, 0 or 1.
func Compare(a, b string) (int, error) {
	x, err := parseVersion(a)
	if err != nil {
		return 0, err
	}
	y, err := parseVersion(b)
	if err != nil {
		return 0, err
	}
	return x.Compare(y), nil
}

// Allows reports whether a version satisfies every clause of s, pre-releases
// included. The error is a version, or a clause, that PEP 440 does not know.
func (s Specifier) Allows(version string) (bool, error) {
	for _, c := range s {
		ok, err := c.allows(version)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (c Clause) allows(version string) (bool, error) {
	if c.Op == "===" { // compared as text, whatever it is
		return strings.EqualFold(strings.TrimSpace(version), c.Version), nil
	}
	if c.Legacy {
		return false, fmt.Errorf("%q is no clause of PEP 440", c.Op+c.Version)
	}
	v, err := parseVersion(version)
	if err != nil {
		return false, err
	}
	switch c.Op {
	case "==", "!=":
		equal := false
		if prefix, ok := strings.CutSuffix(c.Version, ".*"); ok {
			equal = hasPrefix(version, prefix)
		} else {
			want, err := parseVersion(c.Version)
			if err != nil {
				return false, err
			}
			if !strings.Contains(c.Version, "+") { // without a local part, that of the version does not count
				public, _, _ := strings.Cut(version, "+")
				if v, err = parseVersion(public); err != nil {
					return false, err
				}
			}
			equal = v.Equal(want)
		}
		return equal == (c.Op == "=="), nil
	case "~=":
		want, err := parseVersion(c.Version)
		if err != nil {
			return false, err
		}
		epoch, release, _ := parts(c.Version)
		prefix := strings.Join(release[:len(release)-1], ".")
		if epoch != 0 {
			prefix = strconv.Itoa(epoch) + "!" + prefix
		}
		return v.GreaterThanOrEqual(want) && hasPrefix(version, prefix), nil
	}
	list, err := pep440.NewSpecifiers(c.Op + normalize(c.Version))
	if err != nil {
		return false, err
	}
	return list.Check(v), nil
}

var reParts = regexp.MustCompile(`(?i)^\s*v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)(.*)$`)

// parts cuts a version into epoch, release and the rest.
func parts(v string) (epoch int, release []string, rest string) {
	m := reParts.FindStringSubmatch(v)
	if m == nil {
		return 0, nil, v
	}
	epoch, _ = strconv.Atoi(m[1])
	return epoch, strings.Split(m[2], "."), m[3]
}

// hasPrefix is "== prefix.*": the same epoch, and the release begins with the
// prefix's, which zeros fill up.
func hasPrefix(version, prefix string) bool {
	epoch, release, _ := parts(version)
	wantEpoch, want, _ := parts(prefix)
	if epoch != wantEpoch {
		return false
	}
	for i, w := range want {
		got := "0"
		if i < len(release) {
			got = release[i]
		}
		if number(got) != number(w) {
			return false
		}
	}
	return true
}

// number is a part of a release without leading zeros.
func number(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}
