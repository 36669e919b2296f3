package image

import (
	"path"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A matcher finds the wants that name a path. It is asked for every file, and
// nearly always has none: the last part of a path, which most globs name in
// full, and the ends of the other globs tell it without matching one.
type matcher struct {
	byName map[string][]analysis.Want
	others []pattern
}

// A pattern is a want whose glob's last part holds wildcards.
type pattern struct {
	analysis.Want
	prefix, suffix string // what a path must begin and end with
}

func newMatcher(wants []analysis.Want) *matcher {
	m := &matcher{byName: map[string][]analysis.Want{}}
	for _, w := range wants {
		const meta = `*?[\`
		base := path.Base(w.Glob)
		if !strings.ContainsAny(base, meta) {
			m.byName[base] = append(m.byName[base], w)
			continue
		}
		p := pattern{Want: w, prefix: w.Glob[:strings.IndexAny(w.Glob, meta)]}
		if !strings.ContainsAny(w.Glob, `[\`) {
			p.suffix = w.Glob[strings.LastIndexAny(w.Glob, meta)+1:]
		}
		m.others = append(m.others, p)
	}
	return m
}

// limit returns how many bytes of p are wanted at most; false if none.
func (m *matcher) limit(p string) (limit int64, ok bool) {
	for _, w := range m.byName[p[strings.LastIndexByte(p, '/')+1:]] {
		if w.Max > limit && w.Match(p) {
			limit, ok = w.Max, true
		}
	}
	for _, w := range m.others {
		if w.Max > limit && strings.HasSuffix(p, w.suffix) && strings.HasPrefix(p, w.prefix) && w.Match(p) {
			limit, ok = w.Max, true
		}
	}
	return limit, ok
}
