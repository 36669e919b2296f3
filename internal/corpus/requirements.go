package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/tareweight/tare/analyzers/requirements"
)

// An answer is what pip's own parser says of one file.
type answer struct {
	File         string
	Rejected     bool
	Requirements []struct {
		File       string
		Line       int
		Class      string
		Exact      bool
		Constraint bool
		Pinned     bool `json:"by_constraint"`
	}
}

// floating compares the lines that Tare calls not exact, and the files that it
// says pip rejects, with pip's.
func floating(dir string) (wrong int, err error) {
	f, err := os.Open(path.Join(dir, "ORACLE_requirements.jsonl"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	files, lines, skipped := 0, 0, 0
	for dec := json.NewDecoder(f); dec.More(); {
		var a answer
		if err := dec.Decode(&a); err != nil {
			return 0, err
		}
		files++
		repo, name, _ := strings.Cut(a.File, "/")
		got, err := requirements.Read(os.DirFS(path.Join(dir, repo)), name, nil)
		if missing := absent(dir, a); missing != "" {
			skipped++
			fmt.Printf("%s: the corpus lacks %s, which it includes\n", a.File, missing)
			continue
		}
		if err == nil && len(got.Undecided) > 0 {
			skipped++
			fmt.Printf("%s: undecided: %s\n", a.File, got.Undecided[0].Reason)
			continue
		}
		rejected := err != nil || len(got.Invalid) > 0
		if rejected != a.Rejected {
			wrong++
			fmt.Printf("%s: pip rejects it: %v, tare: %v (%v", a.File, a.Rejected, rejected, err)
			if got != nil {
				fmt.Printf(", %v", got.Invalid)
			}
			fmt.Println(")")
		}
		if rejected || a.Rejected {
			continue
		}
		want, have := map[string]bool{}, map[string]bool{}
		for _, r := range a.Requirements {
			lines++
			if !r.Exact && !r.Pinned && !r.Constraint && r.Class != "local" {
				want[fmt.Sprintf("%s:%d", r.File, r.Line)] = true
			}
		}
		for _, r := range got.Requirements {
			if !r.Exact && !r.Pinned && !r.Constraint && r.Class != requirements.Local {
				have[fmt.Sprintf("%s/%s:%d", repo, r.Path, r.Line)] = true
			}
		}
		for l := range want {
			if !have[l] {
				wrong++
				fmt.Printf("%s: not exact by pip, exact by tare\n", l)
			}
		}
		for l := range have {
			if !want[l] {
				wrong++
				fmt.Printf("%s: exact by pip, not exact by tare\n", l)
			}
		}
		if len(got.Requirements) != len(a.Requirements) {
			wrong++
			fmt.Printf("%s: %d requirements by pip, %d by tare\n", a.File, len(a.Requirements), len(got.Requirements))
		}
	}
	fmt.Printf("requirements: %d files (%d undecided), %d requirements, %d disagreements with pip\n", files, skipped,
		lines, wrong)
	return wrong, nil
}

// absent names a file that pip read for an answer and that is not there.
func absent(dir string, a answer) string {
	for _, r := range a.Requirements {
		if _, err := os.Stat(path.Join(dir, r.File)); err != nil {
			return r.File
		}
	}
	return ""
}
