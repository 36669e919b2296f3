package python_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/python"
)

// versions are those of PEP 440's appendix B and of its section "Normalization",
// each spelling of each part, and near misses.
func versions() (list []string) {
	for _, epoch := range []string{"", "1!", "v", "!"} {
		for _, release := range []string{"1", "1.0", "01.2", "1..2", "1."} {
			for _, pre := range []string{"", "a1", "-alpha", ".beta2", "_b", "c1", "-rc-1", "pre", ".preview.3", "-latest", "aa1"} {
				for _, post := range []string{"", ".post1", "-1", "-r2", "rev", ".post.3", "_post"} {
					for _, dev := range []string{"", ".dev1", "-dev", "dev"} {
						for _, local := range []string{"", "+local", "+ubuntu-1", "+a.b_c", "+", "+a..b"} {
							list = append(list, epoch+release+pre+post+dev+local)
						}
					}
				}
			}
		}
	}
	return list
}

// TestPackaging compares what is a version, and what is exact, with Python's own
// packaging.
func TestPackaging(t *testing.T) {
	const script = `import sys
try:
    from packaging.version import Version, InvalidVersion
except ImportError:
    from pip._vendor.packaging.version import Version, InvalidVersion
for line in sys.stdin:
    try:
        print(Version(line.rstrip("\n")))
    except InvalidVersion:
        print("-")
`
	cmd := exec.Command("python3", "-c", script)
	list := versions()
	cmd.Stdin = strings.NewReader(strings.Join(list, "\n") + "\n")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no python3 with packaging (Debian: python3-packaging): %v: %s", err, errs.Bytes())
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(list) {
		t.Fatalf("%d answers to %d versions", len(answers), len(list))
	}
	wrong := 0
	for i, v := range list {
		valid := answers[i] != "-"
		r, err := python.ParseRequirement("a==" + v)
		exact := err == nil && len(r.Specifier) == 1 && !r.Specifier[0].Legacy
		if python.ValidVersion(v) != valid || exact != valid {
			if wrong++; wrong < 10 {
				t.Errorf("%q: valid %v, exact %v; packaging says %s", v, python.ValidVersion(v), exact, answers[i])
			}
		}
		if valid {
			if n, err := python.Compare(v, answers[i]); err != nil || n != 0 {
				if wrong++; wrong < 10 {
					t.Errorf("%q is not %q: %d, %v", v, answers[i], n, err)
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d", wrong, len(list))
	}
}
