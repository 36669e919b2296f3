// Site makes a small static site of the pages of the checks: of the same READMEs that "tare explain" shows and the tests run. It
// is a module of its own, so that Tare does not depend on a renderer of Markdown. usage: go run . REPOSITORY DIR
package main

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 0 auto; padding: 1rem; }
nav a { margin-right: .8rem; white-space: nowrap; }
pre { overflow-x: auto; padding: .7rem; border: 1px solid #8886; border-radius: 4px; font-size: 14px; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; }
:target { outline: 2px solid #c60; outline-offset: 4px; }
</style></head><body>
<nav>{{range .Checks}}<a href="{{.}}.html">{{.}}</a> {{end}}</nav>
{{.Body}}
</body></html>
`))

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run . REPOSITORY DIR")
		os.Exit(2)
	}
	if err := site(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

// reLink is a link of the README to a check's page; reFence the words behind a fence's language, which say what the example shows.
var (
	reLink  = regexp.MustCompile(`\(analyzers/([a-z]+)/README\.md(#[a-z0-9-]+)?\)`)
	reFence = regexp.MustCompile("(?m)^```([a-z]+) (bad|good)$")
)

func site(repository, dir string) error {
	files, err := filepath.Glob(filepath.Join(repository, "analyzers/*/README.md"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no pages below %q: %v", repository, err)
	}
	var checks []string
	for _, f := range files {
		checks = append(checks, filepath.Base(filepath.Dir(f)))
	}
	slices.Sort(checks)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := write(filepath.Join(repository, "README.md"), filepath.Join(dir, "index.html"), checks); err != nil {
		return err
	}
	for _, c := range checks {
		if err := write(filepath.Join(repository, "analyzers", c, "README.md"), filepath.Join(dir, c+".html"), checks); err != nil {
			return err
		}
	}
	fmt.Println(dir)
	return nil
}

// write renders one page.
func write(from, to string, checks []string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	text = reLink.ReplaceAll(text, []byte("($1.html$2)"))
	text = reFence.ReplaceAll(text, []byte("*$2:*\n\n```$1"))
	title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), "\n")
	var body bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	if err := md.Convert(text, &body); err != nil {
		return fmt.Errorf("render %q: %w", from, err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, map[string]any{"Title": title, "Checks": checks, "Body": template.HTML(body.String())}); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}
