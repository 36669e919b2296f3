package ignore_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/ignore"
)

func read(text string, ends map[int]int) []*ignore.Ignore {
	if ends == nil {
		return ignore.Read("f", []byte(text), nil)
	}
	return ignore.Read("f", []byte(text), func(first int) int { return ends[first] })
}

// TestRead: what each comment names, and the lines that it is about.
func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		"# tare: ignore=a -- why\nx\n":                          "1: [a] 2-2 why",
		"#tare:ignore=a,b until=2027-01-31 -- why not\r\nx\r\n": "1: [a b] 2-2 why not until 2027-01-31",
		"  # tare: ignore=a -- why\n\n# more\n\t\n x\ny\n":      "1: [a] 5-5 why",
		"# tare: ignore=a -- one\n# tare: ignore=b -- two\nx\n": "1: [a] 3-3 one; 2: [b] 3-3 two",
		"x \\\n y\n# tare: ignore=a -- why\nx \\\n y \\\n z\nq": "3: [a] 4-6 why",
		"# tare: ignore=a -- why\nx \\":                         "1: [a] 2-2 why",
		"# tare: ignore=a -- why\n\n":                           "1: [a] 0-0 why",
		"x\n# tare: ignore-file=a -- why -- not\n":              "2: [a] file why -- not",
		"# tare: ignore=a ignore=b -- why\nx":                   "1: [a b] 2-2 why",
		"# about tare: nothing\nx# tare: ignore=a -- why\n":     "",
		"x # tare: ignore=a -- why\ny\n":                        "1: [a] 1-1 why",
		"x\n  y>=1  #tare: ignore=a, b -- why # not\n":          "2: [a b] 2-2 why # not",
		"x # tare: ignore-file=a -- why\ny\n":                   "1: [a] file why",
		"x # tare: ignore=a\n":                                  `1: [a] 1-1 broken it gives no reason: write it behind " -- "`,
		"# x # tare: ignore=a -- why\n":                         "",
		"tare: ignore=a\n":                                      "",
		"# tare: ignore=a\nx":                                   `1: [a] 2-2 broken it gives no reason: write it behind " -- "`,
		"# tare: ignore=a --\nx":                                `1: [a] 2-2 broken it gives no reason: write it behind " -- "`,
		"# tare: ignore=a --  \nx":                              `1: [a] 2-2 broken it gives no reason: write it behind " -- "`,
		"# tare:\nx":                                            `1: [] 2-2 broken it names no rule: write "# tare: ignore=RULE -- reason"`,
		"# tare: ignore=, -- why\nx":                            `1: [] 2-2 why broken "ignore=," is not understood: write "# tare: ignore=RULE -- reason"`,
		"# tare: ignore a -- why\nx":                            `1: [] 2-2 why broken "ignore" is not understood: write "# tare: ignore=RULE -- reason"`,
		"# tare: until=x ignore=a\nx":                           "1: [] 2-2 broken until=x is no day: write until=YYYY-MM-DD",
		"# tare: ignore=a until -- b\n":                         "1: [a] 0-0 b broken until= is no day: write until=YYYY-MM-DD",
	} {
		var got []string
		for _, c := range read(text, nil) {
			s := fmt.Sprintf("%d: %v %d-%d", c.Line, c.Names, c.First, c.Last)
			if c.Last == math.MaxInt {
				s = fmt.Sprintf("%d: %v file", c.Line, c.Names)
			}
			if c.Reason != "" {
				s += " " + c.Reason
			}
			if !c.Until.IsZero() {
				s += " until " + c.Until.Format(time.DateOnly)
			}
			if c.Broken != "" {
				s += " broken " + c.Broken
			}
			got = append(got, s)
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%q: %s, want %s", text, s, want)
		}
	}
	if c := read("# tare: ignore=a -- why\nRUN <<E\nx\nE\n", map[int]int{2: 4}); c[0].First != 2 || c[0].Last != 4 {
		t.Errorf("the end that is known: %+v", c[0])
	}
	if c := read("RUN x # tare: ignore=a -- why\n", map[int]int{1: 1}); len(c) != 0 { // of a Dockerfile it is no comment
		t.Errorf("%+v", c[0])
	}
	many := read(strings.Repeat("# tare: ignore=a -- "+strings.Repeat("w", 300)+"\n", 1001)+"x", nil)
	if len(many) != 201 || many[199].Broken != "" || !strings.Contains(many[200].Broken, "limit of 200") || len(many[0].Reason) > 210 {
		t.Errorf("%d comments, the last %+v", len(many), many[len(many)-1])
	}
	for n, broken := range map[int]bool{20: false, 21: true} {
		c := read("# tare: ignore="+strings.Repeat("a,", n)+" -- why\nx", nil)[0]
		if (c.Broken != "") != broken || len(c.Names) != 20 {
			t.Errorf("%d names: %+v", n, c)
		}
	}
}

func finding(at analysis.Location, rule string) analysis.Finding {
	return analysis.Finding{Location: at, Rule: &analysis.Rule{ID: rule}}
}

// TestForeign: what other tools' comments name that a rule of Tare's says too, and where
// they count.
func TestForeign(t *testing.T) {
	for text, want := range map[string]string{
		"# hadolint ignore=DL3006,DL3013\nFROM a\n":                         "1: [slimbase-floating pinned-inline] 2-2",
		"#hadolint shell=bash ignore = DL3042 , DL3006\nFROM a \\\n b\n":    "1: [waste-cache slimbase-floating] 2-3",
		"FROM a\n# hadolint global ignore=DL3007\n":                         "2: [slimbase-floating] file",
		"# hadolint ignore=DL4006,SC2016\nRUN a\n":                          "",
		"# check=skip=JSONArgsRecommended;error=true\nFROM a\n":             "1: [shutdown-shell] file",
		"# syntax=x\n# check = error=true;skip=Other,JSONArgsRecommended\n": "2: [shutdown-shell] file",
		"# syntax=x\n# CHECK=skip=all\nFROM a\n":                            "2: [shutdown-shell] file",
		"FROM a\n# check=skip=all\n":                                        "", // no directive: it is not at the head
		"# tare: ignore=a -- why\n# check=skip=all\nFROM a\n":               "1: [a] 3-3",
		"# a comment\n# check=skip=all\nFROM a\n":                           "",
		"# hadolint ignore=DL3006\n# tare: ignore=a -- why\nFROM a\n":       "1: [slimbase-floating] 3-3; 2: [a] 3-3",
	} {
		var got []string
		for _, c := range read(text, nil) {
			s := fmt.Sprintf("%d: %v %d-%d", c.Line, c.Names, c.First, c.Last)
			if c.Last == math.MaxInt {
				s = fmt.Sprintf("%d: %v file", c.Line, c.Names)
			}
			if c.Reason == "" || c.Broken != "" {
				t.Errorf("%q: %+v", text, c)
			}
			got = append(got, s)
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%q: %s, want %s", text, s, want)
		}
	}
}

// TestForeignReason: another tool's comment is its own reason, as long as a reason may be, and cut
// between characters.
func TestForeignReason(t *testing.T) {
	for i := range 4 {
		c := read("# hadolint ignore=DL3006 "+strings.Repeat("x", i)+strings.Repeat("世", 1000)+"\nFROM a\n", nil)[0]
		if len(c.Reason) > 200 || !utf8.ValidString(c.Reason) || !strings.HasPrefix(c.Reason, "hadolint ignore=DL3006 ") {
			t.Errorf("%d bytes: %q", len(c.Reason), c.Reason)
		}
	}
}

// TestTable: the page of the check lists the rules of other tools that are read.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../analyzers/ignore/README.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("foreign.tsv")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (hadolint|BuildKit) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(string(page), -1) {
		for rule := range strings.SplitSeq(m[2], ", ") {
			said[strings.ToLower(m[1])+" "+rule+" "+m[3]] = true
		}
	}
	n := 0
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); !strings.HasPrefix(line, "#") {
			if n++; !said[strings.Join(f, " ")] {
				t.Errorf("the page does not list %q", f)
			}
		}
	}
	if n != len(said) {
		t.Errorf("the page lists %d rules, the table has %d", len(said), n)
	}
}

// TestScope: an entry of the configuration is about what all of its globs name.
func TestScope(t *testing.T) {
	dir, err := filepath.Abs("repo")
	if err != nil {
		t.Fatal(err)
	}
	glob := func(text string) *ignore.Glob {
		if text == "" {
			return nil
		}
		g, err := ignore.NewGlob(text, dir)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	file := analysis.Location{Path: "repo/svc/requirements.txt", Line: 3}
	layer := analysis.Location{Path: "usr/bin/gcc", Layer: &analysis.Layer{}}
	const image = "registry.example.com/team/app"
	for _, test := range []struct {
		file, pkg, image string
		at               analysis.Location
		packages         []string
		want             bool
	}{
		{"", "", "", file, nil, true}, {"svc", "", "", file, nil, true}, {"svc/*.txt", "", "", file, nil, true},
		{"**/requirements.txt", "", "", file, nil, true}, {"web", "", "", file, nil, false}, {"*.txt", "", "", file, nil, false},
		{"svc/Dockerfile", "", "", layer, nil, true}, {"usr", "", "", layer, nil, false}, {"svc/Dockerfile", "", "", analysis.Location{}, nil, true},
		{"..", "", "", analysis.Location{Path: "elsewhere"}, nil, false},
		{"", "flask", "", file, []string{"flask"}, true}, {"", "flask*", "", file, []string{"flask-login"}, true},
		{"", "flask", "", file, []string{"flask", "django"}, true}, {"", "Flask_*", "", file, []string{"flask-login"}, true}, {"", "flask.login", "", file, []string{"Flask_Login"}, true}, {"", "flask", "", file, nil, false},
		{"", "", "registry.example.com/team/*", file, nil, true}, {"", "", "registry.example.com/*", file, nil, true},
		{"", "", "*/team/app", file, nil, true}, {"", "", "registry.example.com/other", file, nil, false},
		{"web", "flask", "", file, []string{"flask"}, false},
	} {
		x := &ignore.Ignore{Names: []string{"r"}, Configured: true, File: glob(test.file), Package: test.pkg, Images: glob(test.image)}
		f := finding(test.at, "r")
		f.Packages = test.packages
		if _, got := x.Covers(f, "c", "repo/svc/Dockerfile", image); got != test.want {
			t.Errorf("%q %q %q of %v %q: %v", test.file, test.pkg, test.image, test.at, test.packages, got)
		}
	}
	x := &ignore.Ignore{Names: []string{"r"}, Configured: true, Images: glob("**"), File: glob("**")}
	if _, ok := x.Covers(finding(file, "r"), "c", "", ""); ok {
		t.Error("an entry about images is about a target without one")
	}
	for _, bad := range []string{"", " ", "!a", "[", "a["} {
		if _, err := ignore.NewGlob(bad, dir); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
}

// TestCovers: places, names and days.
func TestCovers(t *testing.T) {
	c := read("# tare: ignore=check,r-two -- why\nx \\\ny\n# tare: ignore-file=r-three -- why\n", nil)
	at := func(line int) analysis.Location { return analysis.Location{Path: "f", Line: line} }
	for _, test := range []struct {
		comment     int
		at          analysis.Location
		check, rule string
		want        string
	}{
		{0, at(1), "r", "r-two", ""}, {0, at(2), "r", "r-two", "r-two"}, {0, at(3), "r", "r-two", "r-two"}, {0, at(4), "r", "r-two", ""},
		{0, at(2), "check", "check-x", "check"}, {0, at(2), "r", "r-one", ""}, {0, at(0), "r", "r-two", ""},
		{0, analysis.Location{Path: "g", Line: 2}, "r", "r-two", ""}, {0, analysis.Location{Path: "f", Line: 2, Layer: &analysis.Layer{}}, "r", "r-two", ""},
		{1, at(1), "r", "r-three", "r-three"}, {1, at(0), "r", "r-three", "r-three"}, {1, at(99), "r", "r-three", "r-three"}, {1, at(99), "r", "r-two", ""},
	} {
		if got, ok := c[test.comment].Covers(finding(test.at, test.rule), test.check, "", ""); got != test.want || ok != (test.want != "") {
			t.Errorf("comment %d, %v of %s: %q, %v, want %q", test.comment, test.at, test.rule, got, ok, test.want)
		}
	}
	if _, ok := read("# tare: ignore=r\nx", nil)[0].Covers(finding(at(2), "r"), "r", "", ""); ok {
		t.Error("a comment without a reason covers something")
	}
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	limited := read("# tare: ignore=r until=2027-01-31 -- why\nx", nil)[0]
	if c[0].Over(day("9999-01-01")) || limited.Over(day("2027-01-31")) || !limited.Over(day("2027-02-01")) {
		t.Error("the last day is not the last on which it counts")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("# tare: ignore=a,b until=2027-01-31 -- why\nx \\\n y\n#tare:ignore-file=c\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, c := range read(text, nil) {
			if c.Line < 1 || c.Line > lines || c.First > c.Last || c.Last != math.MaxInt && c.Last > lines || len(c.Names) > 20 || c.Broken == "" && (c.Reason == "" || len(c.Names) == 0) {
				t.Errorf("%q: %+v", text, c)
			}
		}
	})
}
