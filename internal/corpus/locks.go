package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tareweight/tare/analyzers/locks"
)

// lockFiles reads every lock file: as many packages as it has package tables.
func lockFiles(dir string) (wrong int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		return 0, err
	}
	files, packages, broken := 0, 0, 0
	for line := range strings.Lines(string(text)) {
		c := strings.Split(line, "\t")
		if len(c) < 5 || !strings.HasSuffix(c[4], "-lock") && c[4] != "pylock" {
			continue
		}
		name := filepath.Join(strings.ReplaceAll(c[0], "/", "__"), c[3])
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		files++
		l, err := locks.Read(locks.KindOf(name), src)
		if err != nil {
			broken++ // the corpus holds one that is no TOML
			fmt.Printf("%s: cannot be read: %v\n", name, err)
			continue
		}
		packages += len(l.Packages)
		tables := 0
		for line := range bytes.Lines(src) {
			if t := string(bytes.TrimSpace(line)); t == "[[package]]" || t == "[[packages]]" {
				tables++
			}
		}
		if l.Kind != locks.Pipfile && tables != len(l.Packages) {
			wrong++
			fmt.Printf("%s: %d package tables, %d packages read\n", name, tables, len(l.Packages))
		}
		for _, p := range l.Packages {
			if p.Name == "" || p.Line == 0 {
				wrong++
				fmt.Printf("%s: a package without a name or a line: %+v\n", name, p)
				break
			}
		}
	}
	fmt.Printf("locks: %d files (%d cannot be read), %d packages\n", files, broken, packages)
	return wrong, nil
}
