package installs

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed options.tsv
var optionRows string

// optionsOf are the options of each manager.
var optionsOf = parseOptions(optionRows)

// An optionTable says of a manager's options whether the next word is their value:
// of those with two dashes it may also stand behind an equals sign.
type optionTable struct {
	takes map[string]bool // by name with its dashes; false: none follows
	whole bool            // all options are here: the word behind another one may be its value
}

// takesNone reports whether the table has the option as one without a value.
func (t optionTable) takesNone(name string) bool {
	value, ok := t.takes[name]
	return ok && !value
}

func parseOptions(rows string) map[string]optionTable {
	m := map[string]optionTable{}
	for line := range strings.Lines(rows) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 3 || c[2] != "value" && c[2] != "flag" {
			panic(fmt.Sprintf("options.tsv: %q", line)) // the table is embedded: any test reads it
		}
		t := m[c[0]]
		if t.takes == nil {
			t.takes = map[string]bool{}
		}
		t.takes[c[1]] = c[2] == "value"
		t.whole = t.whole || c[2] == "flag"
		m[c[0]] = t
	}
	return m
}
