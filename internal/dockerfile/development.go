package dockerfile

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
)

const words = `dev|devel|develop|development|tests?|testing|lint|ci|debug|docs|local`

var (
	development = regexp.MustCompile(`(?i)(^|[-_.])(` + words + `)([-_.]|$)`)
	building    = regexp.MustCompile(`(?i)(^|[-_.])(` + words + `|builder|build-?env|devcontainer)([-_.]|$)`)
	directory   = regexp.MustCompile(
		`(?i)^(\.?devcontainers?|\.?ci|\.kokoro|\.github|\.gitlab|\.circleci|development|tests?|testing)$`,
	)
)

// Development reports whether a stage of this name is one for development, by
// convention.
func Development(name string) bool { return development.MatchString(name) }

// developing reports whether the name or a directory of a Dockerfile says that it
// is for developing or building, and not for what ships: builder.dockerfile,
// Dockerfile.develop, .devcontainer/Dockerfile, ci/Dockerfile.
func developing(file string) bool {
	dir, base := path.Split(file)
	if slices.ContainsFunc(strings.Split(dir, "/"), directory.MatchString) {
		return true
	}
	return slices.ContainsFunc(strings.Split(base, "."), func(part string) bool { return building.MatchString(part) })
}

// makesOthers reports whether a label of the stage says that it builds others, as
// images of source-to-image do.
func makesOthers(s *analysis.Stage) bool {
	for _, inst := range s.Instructions {
		c, ok := inst.Command.(*instructions.LabelCommand)
		if !ok {
			continue
		}
		for _, l := range c.Labels {
			if strings.Trim(l.Key, `"`) == "io.openshift.tags" && strings.Contains(l.Value, "builder") {
				return true
			}
		}
	}
	return false
}
