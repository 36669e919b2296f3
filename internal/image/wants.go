package image

import (
	"path"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A matcher finds the wants that name a path. Most globs end in a plain name,
// so that the last part of a path finds its candidates.
type matcher struct {
	byName map[string][]analysis.Want
	others []analysis.Want
}

func newMatcher(wants []analysis.Want) *matcher {
	m := &matcher{byName: map[string][]analysis.Want{}}
	for _, w := range wants {
		if base := path.Base(w.Glob); strings.ContainsAny(base, `*?[\`) {
			m.others = append(m.others, w)
		} else {
			m.byName[base] = append(m.byName[base], w)
		}
	}
	return m
}

// limit returns how many bytes of p are wanted at most; false if none.
func (m *matcher) limit(p string) (limit int64, ok bool) {
	for _, list := range [][]analysis.Want{m.byName[path.Base(p)], m.others} {
		for _, w := range list {
			if w.Max > limit && w.Match(p) {
				limit, ok = w.Max, true
			}
		}
	}
	return limit, ok
}
