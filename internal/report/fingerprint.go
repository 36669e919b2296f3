package report

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/driver"
)

// fingerprint is the same for the same problem in the next run, whatever lines and layers
// have moved, and whatever the target is called. It is made of what the finding is of and
// about: the rule, the file, the key; of a Dockerfile or an image, the stage too; of an image
// alone, its repository.
func fingerprint(res *driver.Result, f analysis.Finding) string {
	of, stage := "", ""
	if d := res.Dockerfile; d != nil {
		of, stage = Place(res.Target.Place).in(d.Path), d.Target.Name
	} else if res.Image != nil {
		of = repository(res.Image.Name)
	}
	at := f.Location.Path
	if f.Location.Layer == nil && at != "" {
		at = Place(res.Target.Place).in(at)
	}
	if f.Location.Layer == nil && at != "" && at != of { // another file: it says what it says for every stage
		of, stage = at, ""
	}
	parts := []string{f.Rule.ID, of, stage, at, f.Key}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:16]
}
