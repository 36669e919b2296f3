// Package scan judges many images: it finds out which there are, judges each digest once, reads each
// layer once, goes on where it was stopped, and sums up what it found.
package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/tareweight/tare/analyzers/python"
	"github.com/tareweight/tare/internal/source"
)

// A Pattern names images of a registry: REGISTRY[/REPOSITORY-GLOB[:TAG-GLOB]].
type Pattern struct {
	Registry   string
	Repository string // a glob, whose "*" stands for any characters, "/" too; "" is all
	Tag        string // a glob; "" is all
}

// ParsePattern reads what the command line names.
func ParsePattern(text string) (Pattern, error) {
	registry, rest, _ := strings.Cut(strings.TrimPrefix(text, "docker://"), "/")
	if !strings.ContainsAny(registry, ".:") && registry != "localhost" {
		return Pattern{}, fmt.Errorf("%q names no registry: want REGISTRY[/REPOSITORY[:TAG]], as in registry.example.com/team/*", text)
	}
	p := Pattern{Registry: registry, Repository: rest}
	if i := strings.LastIndex(rest, ":"); i >= 0 {
		p.Repository, p.Tag = rest[:i], rest[i+1:]
	}
	for _, glob := range []string{p.Repository, p.Tag} {
		if _, err := path.Match(strings.ReplaceAll(glob, "/", "_"), ""); err != nil {
			return Pattern{}, fmt.Errorf("%q: %q is no pattern", text, glob)
		}
	}
	return p, nil
}

// matches reports whether a glob matches, whose "*" stands for slashes too.
func matches(glob, text string) bool {
	ok, _ := path.Match(strings.ReplaceAll(glob, "/", "\x00"), strings.ReplaceAll(text, "/", "\x00"))
	return glob == "" || ok
}

// above is the beginning of what a glob matches, complete parts of it.
func above(glob string) string {
	if i := strings.IndexAny(glob, `*?[\`); i >= 0 {
		glob = glob[:i]
	}
	return glob[:max(0, strings.LastIndexByte(glob, '/'))]
}

func isGlob(s string) bool { return strings.ContainsAny(s, `*?[`) }

// A Selection says which images of those that patterns name are meant.
type Selection struct {
	Patterns []Pattern
	Refs     []string  // references that are listed one by one
	Unread   []Failure // files that should name some, and do not
	Newest   int       // so many tags of each repository, by their versions; 0: all
	Shard    Shard
}

// A Shard is one of several machines that share the work, by repository. The zero Shard has all.
type Shard struct{ Index, Of int }

// ParseShard reads I/N, or N alone where index, that of a Kubernetes Indexed Job, says which.
func ParseShard(text, index string) (Shard, error) {
	wrong := fmt.Errorf("shard %q: want I/N, with I from 0 to N-1, or N where JOB_COMPLETION_INDEX says which", text)
	i, n, both := strings.Cut(text, "/")
	if !both {
		i, n = index, text
	}
	s := Shard{}
	var err error
	if s.Index, err = strconv.Atoi(i); err != nil {
		return s, wrong
	}
	if s.Of, err = strconv.Atoi(n); err != nil || s.Of < 1 || s.Index < 0 || s.Index >= s.Of {
		return s, wrong
	}
	return s, nil
}

// has reports whether the images of a repository are those of the shard.
func (s Shard) has(repository string) bool {
	if s.Of <= 1 {
		return true
	}
	h := fnv.New32a()
	h.Write([]byte(repository))
	return int(h.Sum32()%uint32(s.Of)) == s.Index
}

// A Failure is something that could not be judged, and why.
type Failure struct {
	Ref string `json:"ref"`
	Why string `json:"why"`
}

// Find lists the references that a selection means, sorted. What of it cannot be listed is in failed: the
// others are judged.
func (s *Selection) Find(ctx context.Context, opt source.Options) (refs []string, failed []Failure) {
	failed = slices.Clone(s.Unread)
	for _, p := range s.Patterns {
		repositories := []string{p.Repository}
		if p.Repository == "" || isGlob(p.Repository) {
			all, err := source.Repositories(ctx, p.Registry, above(p.Repository), opt)
			if err != nil {
				failed = append(failed, Failure{p.Registry, err.Error()})
				continue
			}
			repositories = slices.DeleteFunc(all, func(r string) bool { return !matches(p.Repository, r) })
		}
		for _, r := range repositories {
			repository := p.Registry + "/" + r
			if !s.Shard.has(repository) {
				continue
			}
			if p.Tag != "" && !isGlob(p.Tag) {
				refs = append(refs, repository+":"+p.Tag)
				continue
			}
			tags, err := source.Tags(ctx, repository, opt)
			if err != nil {
				failed = append(failed, Failure{repository, err.Error()})
				continue
			}
			tags = slices.DeleteFunc(tags, func(t string) bool { return !matches(p.Tag, t) || isSignature(t) })
			for _, t := range newest(tags, s.Newest) {
				refs = append(refs, repository+":"+t)
			}
		}
	}
	for _, ref := range s.Refs {
		r, err := name.ParseReference(ref)
		switch {
		case err != nil:
			failed = append(failed, Failure{ref, "it is no reference of an image"})
		case s.Shard.has(r.Context().Name()):
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), failed
}

// isSignature reports whether a tag is that of an artifact beside an image, as cosign and the OCI referrers' tags are.
func isSignature(tag string) bool {
	return strings.HasPrefix(tag, "sha256-")
}

// newest are the n tags of the highest versions; tags that are no versions come last.
func newest(tags []string, n int) []string {
	if n <= 0 || len(tags) <= n {
		return tags
	}
	version := func(t string) string { return strings.TrimPrefix(t, "v") }
	tags = slices.Clone(tags)
	slices.SortStableFunc(tags, func(a, b string) int {
		x, y := python.ValidVersion(version(a)), python.ValidVersion(version(b))
		if x && y {
			if c, err := python.Compare(version(b), version(a)); err == nil && c != 0 {
				return c
			}
		} else if x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Compare(b, a)
	})
	return tags[:n]
}

// An Image is one digest, under all the references that name it.
type Image struct {
	Digest string
	Refs   []string // sorted; one at least
}

// resolvers is how many references are resolved at once.
const resolvers = 8

// Resolve asks which digest each reference names now. What is equal is one image.
func Resolve(ctx context.Context, refs []string, opt source.Options) (images []*Image, failed []Failure, err error) {
	digests := make([]string, len(refs))
	errs := make([]error, len(refs))
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(resolvers, len(refs)) {
		wg.Go(func() {
			for i := range work {
				digests[i], errs[i] = source.Resolve(ctx, refs[i], opt)
			}
		})
	}
	for i := range refs {
		select {
		case work <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	by := map[string]*Image{}
	for i, ref := range refs {
		if errs[i] != nil {
			failed = append(failed, Failure{ref, reason(errs[i])})
			continue
		}
		if by[digests[i]] == nil {
			by[digests[i]] = &Image{Digest: digests[i]}
			images = append(images, by[digests[i]])
		}
		by[digests[i]].Refs = append(by[digests[i]].Refs, ref)
	}
	return images, failed, nil
}

// reason is an error without the reference, which stands beside it.
func reason(err error) string {
	var e *source.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s: %v", e.Step, e.Err)
	}
	return err.Error()
}
