package attribution

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A Provenance is what BuildKit recorded of a build with mode=max: SLSA
// provenance of versions 1 and 0.2 (BuildKit, docs/attestations). It is a claim
// of whoever pushed it.
type Provenance struct {
	Dockerfile []byte // the text that was built; nil with mode=min
	Path       string // of it, below the directory that was recorded
	Args       map[string]string
	Target     string
	Bases      []string // the images that were resolved, as pkg:docker URLs
	Steps      []Step
}

// A Step is one that made layers.
type Step struct {
	Line, End int      // of the Dockerfile; 0 if none is recorded
	Layers    []string // digests of all layers up to its own
}

type ranges struct {
	Locations []struct {
		Ranges []struct{ Start, End struct{ Line int } }
	}
}

// record is the part of the predicate that BuildKit calls its metadata.
type record struct {
	Source struct {
		Infos []struct {
			Filename string
			Data     []byte
		}
		Locations map[string]ranges
	}
	Layers map[string][][]struct{ Digest string }
	VCS    map[string]string
}

// ParseProvenance reads an in-toto statement.
func ParseProvenance(data []byte) (*Provenance, error) {
	var s struct {
		PredicateType string
		Predicate     struct {
			BuildDefinition struct {
				ExternalParameters struct {
					Request struct{ Args map[string]string }
				}
				ResolvedDependencies []struct{ URI string }
			}
			RunDetails struct {
				Metadata struct {
					BuildKit record `json:"buildkit_metadata"`
				}
			}
			Invocation struct {
				Parameters struct{ Args map[string]string }
			}
			Materials []struct{ URI string }
			Metadata  struct {
				BuildKit record `json:"https://mobyproject.org/buildkit@v1#metadata"`
			}
		}
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	r, args := s.Predicate.RunDetails.Metadata.BuildKit, s.Predicate.BuildDefinition.ExternalParameters.Request.Args
	uris := s.Predicate.BuildDefinition.ResolvedDependencies
	if strings.HasSuffix(s.PredicateType, "/v0.2") {
		r, args, uris = s.Predicate.Metadata.BuildKit, s.Predicate.Invocation.Parameters.Args, s.Predicate.Materials
	}
	p := &Provenance{Args: map[string]string{}}
	for k, v := range args {
		if name, ok := strings.CutPrefix(k, "build-arg:"); ok {
			p.Args[name] = v
		}
	}
	p.Target = args["target"]
	for _, u := range uris {
		p.Bases = append(p.Bases, u.URI)
	}
	if len(r.Source.Infos) > 0 {
		info := r.Source.Infos[0]
		p.Dockerfile, p.Path = info.Data, path.Join(r.VCS["localdir:dockerfile"], path.Base(info.Filename))
		if strings.HasPrefix(p.Path, "/") || strings.HasPrefix(p.Path, "..") {
			p.Path = path.Base(info.Filename)
		}
	}
	for id, chains := range r.Layers {
		step, _, _ := strings.Cut(id, ":")
		st := Step{}
		if at := r.Source.Locations[step].Locations; len(at) > 0 && len(at[0].Ranges) > 0 {
			st.Line, st.End = at[0].Ranges[0].Start.Line, at[0].Ranges[len(at[0].Ranges)-1].End.Line
		}
		for _, chain := range chains {
			one := st
			for _, l := range chain {
				one.Layers = append(one.Layers, l.Digest)
			}
			p.Steps = append(p.Steps, one)
		}
	}
	slices.SortFunc(p.Steps, func(a, b Step) int { return len(a.Layers) - len(b.Layers) })
	return p, nil
}

func (s Step) covers(at analysis.Location) bool { return s.Line <= at.End && at.Line <= s.End }

// triggered reports whether l is of an ONBUILD: what one of the parent stage
// runs stands on its own line here, and on the FROM for BuildKit.
func (s Step) triggered(l *analysis.Layer) bool {
	return len(l.Instructions) > 0 && l.Instructions[0].Triggered() && s.covers(l.Instructions[0].Stage.Location())
}

// check compares what alignment found with what provenance claims, layer by
// layer. Where both agree the base is exact; where they do not, one of them is
// of another build.
func (p *Provenance) check(d *analysis.Dockerfile, im *analysis.Image) {
	digests := make([]string, len(im.Layers))
	for i, l := range im.Layers {
		digests[i] = l.Digest
	}
	known := 0
	for _, s := range p.Steps {
		n := len(s.Layers)
		if n == 0 || n > len(digests) || s.Line == 0 || !slices.Equal(s.Layers, digests[:n]) {
			continue // of another stage, or of another export
		}
		known++
		at := im.Layers[n-1].Location()
		if at.Line > 0 && !s.covers(at) && !s.triggered(im.Layers[n-1]) {
			im.Differs = &analysis.Difference{
				Location: at,
				What:     fmt.Sprintf("its provenance says that line %d made layer %d", s.Line, n-1),
			}
			return
		}
	}
	if known == 0 {
		return
	}
	im.Base.How = "provenance"
	for _, uri := range p.Bases {
		name, query, _ := strings.Cut(strings.TrimPrefix(uri, "pkg:docker/"), "?")
		name = strings.ReplaceAll(strings.Replace(name, "@", ":", 1), "%3A", ":")
		ref, _, _ := strings.Cut(d.Chain()[0].Root, "@")
		if name != ref && !strings.HasSuffix(ref, "/"+name) {
			continue
		}
		for q := range strings.SplitSeq(query, "&") {
			if digest, ok := strings.CutPrefix(q, "digest="); ok {
				im.Base.Digest = digest
			}
		}
	}
}
