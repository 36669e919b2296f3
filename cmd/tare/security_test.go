package main

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSecurity: every test that SECURITY.md names for a promise is there, and
// every promise has one.
func TestSecurity(t *testing.T) {
	text, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = fs.WalkDir(os.DirFS("../.."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		b, err := fs.ReadFile(os.DirFS("../.."), name)
		tests.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 10 {
		t.Errorf("%d promises", len(rows))
	}
	for _, row := range rows {
		names := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(row, -1)
		if len(names) == 0 {
			t.Errorf("no test keeps the promise: %s", row)
		}
		for _, n := range names {
			if !strings.Contains(tests.String(), "func "+n[1]+"(t *testing.T)") {
				t.Errorf("%s is not there: %s", n[1], row)
			}
		}
	}
}

// TestActionStopsCommands: the action stops workflow commands before Tare prints
// anything that a stranger wrote, and starts them again behind the last of it.
func TestActionStopsCommands(t *testing.T) {
	text, err := os.ReadFile("../../action/check.sh")
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for _, step := range []string{`echo "::stop-commands::$stop"`, `"$bin/tare" check`, `cat "$bin/report.txt"`, `echo "::$stop::"`, `cat "$bin/report.github"`} {
		at := strings.Index(string(text), step)
		if at < last || at < 0 || strings.Count(string(text), step) != 1 {
			t.Errorf("%s stands once, and in this order", step)
		}
		last = at
	}
}
