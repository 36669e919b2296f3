package python

import (
	"fmt"
	"strings"
	"testing"
)

func TestNormalizeName(t *testing.T) {
	for name, want := range map[string]string{"Flask": "flask", "zope.interface": "zope-interface", "a__b-.c": "a-b-c"} {
		if got := NormalizeName(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestParseRequirement(t *testing.T) {
	for text, want := range map[string]string{
		"a": "", "A.b-c_d[x, y] >= 1 , < 2": ">=1,<2", "a(==1)": "==1", "a ( ==1, !=2 )": "==1,!=2", "a===foo": "===foo", "a==1.*": "==1.*",
		"a==1!2.0.post1.dev2+local.1": "==1!2.0.post1.dev2+local.1", "a==1,==1.0": "==1", "a~=1.0a1": "~=1.0a1", "a>=1;python_version<'3'": ">=1", "a[]": "",
	} {
		r, err := ParseRequirement(text)
		if err != nil || r.Specifier.String() != want {
			t.Errorf("%q: %q, %v", text, r.Specifier, err)
		}
	}
	// what an npm-like grammar would take, and more that PEP 508 does not
	for _, text := range []string{"", "-a", "a-", "a=1.0", "a 1.0", "a*", "a>=1.0 <2.0", "a==1,", "a[x", "a[x y]", "a (==1", "a @", "a @ nourl", "a;", "a; python_version < 3", "a; x == '1'", "a==1 b"} {
		if r, err := ParseRequirement(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, r)
		}
	}
}

func TestExact(t *testing.T) {
	for text, want := range map[string]bool{
		"==1": true, "===1": true, "===1.*": true, "==1,!=2": true, ">=1,==1.5": true, "==1,==1.0": true,
		"": false, "==1.*": false, "~=1.0": false, ">=1": false, "==1,==2": false, "==x": false, "==1.0-foo-bar": false,
	} {
		s, err := ParseSpecifier(text)
		if err != nil || s.Exact() != want {
			t.Errorf("%q: %v, %v", text, s.Exact(), err)
		}
	}
}

// TestAllows holds what Python's packaging says where the library that
// compares says otherwise, and some of what both say.
func TestAllows(t *testing.T) {
	for _, test := range []struct {
		spec, version string
		want          bool
	}{
		{"==1.0.*", "1", true}, {"==1.0.0.*", "1.0", true}, {"!=1.0.*", "1", false}, // zeros fill up the version
		{"~=1.0.0", "1", true}, {"~=1.0a1", "1.1", true}, {"~=1.0a1", "1.4.2", true}, {"~=1.0a1", "2.0", false},
		{"~=1!1.0", "2!1.0", false}, {"~=1!1.0", "1!1.5", true}, // the epoch counts
		{"==1.0+ubuntu-1", "1.0+ubuntu.1", true}, {"==1.0+ubuntu_1", "1.0+UBUNTU-1", true},
		{"===foo", "foo", true}, {"===1.0", "1.0.0", false}, {"", "1", true},
		{"==2.1.0", "2.1.0+cpu", true}, {"==2.1.0+cpu", "2.1.0", false}, {"==1.0", "1", true}, {"==1.0", "1.0.post1", false},
		{"<2", "2.0.0b4", false}, {"<1.0", "1.0a1", false}, {"<1.0", "1.0.dev1", false}, {">=1,<2", "1.5", true}, {">1.0", "1.0.post1", false},
		{"==1!1.0", "1.0", false}, {"==1.*", "1.0a1", true}, {"!=1.1", "1.1.0", false}, {"==1.01", "1.1", true},
	} {
		s, err := ParseSpecifier(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Allows(test.version); err != nil || got != test.want {
			t.Errorf("%q allows %q: %v, %v", test.spec, test.version, got, err)
		}
	}
	s, _ := ParseSpecifier("==1.0a1.*") // the library takes it, PEP 440 does not
	if _, err := s.Allows("1.0"); err == nil {
		t.Error("==1.0a1.* is a clause of PEP 440")
	}
	if _, err := Compare("1.0", "x"); err == nil {
		t.Error("x is a version")
	}
	if c, err := Compare("1.0.dev1", "1.0a1"); err != nil || c != -1 {
		t.Errorf("1.0.dev1 against 1.0a1: %d, %v", c, err)
	}
}

func TestMarkers(t *testing.T) {
	env := Environment{"python_version": "3.11", "sys_platform": "linux", "extra": "Dev_x"}
	for text, want := range map[string]Truth{
		"python_version < '3.9'": False, "python_version >= '3.9'": True, "'3.9' <= python_version": True, "python_version == '3.*'": True,
		"sys_platform == 'linux'": True, "sys.platform != 'linux'": False, "os_name == 'nt'": Unknown, "'lin' in sys_platform": True, "sys_platform not in 'win32 cygwin'": True,
		"python_version < '3.9' and os_name == 'nt'": False, "python_version > '3.9' and os_name == 'nt'": Unknown,
		"python_version > '3.9' or os_name == 'nt'": True, "os_name == 'nt' or (python_version < '3' and sys_platform == 'linux')": Unknown,
		"extra == 'dev-X'": True, "python_version ~= '3.10'": True, "python_version in '3.10 3.11'": True,
		"sys_platform == 'linux' or sys_platform == 'x' and python_version < '3'": True,
	} {
		m, err := ParseMarker(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := m.Eval(env); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for _, text := range []string{"", "python_version", "python_version < 3", "x == '1'", "python_version = '3'", "(python_version < '3'", "python_version < '3' and", "python_version < '3\""} {
		if _, err := ParseMarker(text); err == nil {
			t.Errorf("%q is a marker", text)
		}
	}
}

// TestManyClauses: a specifier without an end is an error, and soon.
func TestManyClauses(t *testing.T) {
	var clauses []string
	for i := range 40_000 {
		clauses = append(clauses, fmt.Sprintf("!=%d", i))
	}
	if _, err := ParseRequirement("a" + strings.Join(clauses, ",")); err == nil || !strings.Contains(err.Error(), "more than 1000 clauses") {
		t.Errorf("%v", err)
	}
}
