package scan

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
	"github.com/tareweight/tare/internal/trace"
)

// Options say how the images are judged.
type Options struct {
	Driver  driver.Options // its Cache is used for all images
	Target  driver.Target  // what is the same of all: the settings in force
	Source  source.Options
	State   *State // nil: every image is judged
	OnlyNew bool   // images that were judged before are left out
	Log     *slog.Logger
	Metrics *Metrics
	Trace   *trace.Span // of the run; nil: none

	// Attach puts what was found of an image beside it in its registry, which ref names by its digest; nil: nothing is.
	Attach func(ctx context.Context, ref string, r *Result) error
}

// A Result is what was found of one image.
type Result struct {
	Refs   []string `json:"refs"` // all that name it
	Digest string   `json:"digest"`
	report.Target
	Known bool `json:"-"` // it was judged by an earlier run

	passing bool   // at another time more may be found
	apart   string // why what was found is not attached to the image; "" if it is, or should not be
}

// judges is how many images are judged at once, and rooms how many of their indexes are in memory.
const (
	judges = 4
	rooms  = 2
)

// Run judges the images and hands each result to done, one at a time, as it is finished: those that are known
// first. The error is that the run was ended before all were judged; what was judged is kept.
func Run(ctx context.Context, images []*Image, opt Options, done func(*Result)) error {
	var mu sync.Mutex
	give := func(r *Result) {
		mu.Lock()
		defer mu.Unlock()
		opt.Metrics.image(r)
		done(r)
	}
	var todo []*Image
	for _, im := range images {
		if t := opt.State.Result(im.Digest); t == nil {
			todo = append(todo, im)
		} else if !opt.OnlyNew {
			t.Name, t.Image.Name = im.Refs[0], im.Refs[0]
			give(&Result{Refs: im.Refs, Digest: im.Digest, Target: *t, Known: true})
		}
	}
	step := opt.Trace.Start("plan")
	step.Set("tare.images", len(todo))
	plan := prepare(ctx, todo, opt)
	step.End("")
	room := make(chan struct{}, rooms)
	busy := newBusy()
	work := make(chan *planned)
	var wg sync.WaitGroup
	for range min(judges, len(plan)) {
		wg.Go(func() {
			for p := range work {
				// what is not kept yet is read by one image, while the others that have it wait
				unread := slices.DeleteFunc(slices.Clone(p.layers), opt.Driver.Cache.Has)
				busy.take(unread)
				r := judge(ctx, p, opt, room)
				busy.give(unread)
				if ctx.Err() != nil && len(r.Errors) > 0 {
					continue // it was not judged: the next run does
				}
				if opt.Attach != nil && len(r.Errors) == 0 {
					if err := opt.Attach(ctx, pinned(p.Image), r); err != nil {
						opt.Log.Error("the result cannot be attached", "image", p.Refs[0], "digest", p.Digest, "error", err)
						r.apart = reason(err)
					}
				}
				if len(r.Errors) == 0 && !r.passing && r.apart == "" {
					if err := opt.State.Keep(p.Digest, &r.Target); err != nil {
						opt.Log.Error("the result cannot be kept", "image", p.Refs[0], "digest", p.Digest, "error", err)
					}
				}
				give(r)
			}
		})
	}
	for _, p := range plan {
		select {
		case work <- p:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// A planned image is one that is to be judged, with what its manifest tells.
type planned struct {
	*Image
	layers   []string // digests
	artifact bool     // it is no image
	shared   int      // images of the run that have its most shared layer, times that layer's bytes
}

// prepare reads the manifests and the configurations of the images, and orders them: those with the
// layers that most of the others share come first, so that what is read for one serves many. Which image
// has which layers is noted before any is judged, so that what an image stands on does not depend on the order.
func prepare(ctx context.Context, images []*Image, opt Options) []*planned {
	plan := make([]*planned, len(images))
	for i, im := range images {
		plan[i] = &planned{Image: im}
	}
	found := make([]*source.Image, len(images))
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(resolvers, len(images)) {
		wg.Go(func() {
			for i := range work {
				im, err := open(ctx, images[i], opt)
				if err != nil {
					plan[i].artifact = errors.Is(err, source.ErrArtifact)
					continue // judging it says why
				}
				found[i] = im
				im.Close()
			}
		})
	}
	for i := range images {
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	count := map[string]int{}
	for i, im := range found {
		if im == nil {
			continue
		}
		var ids []string
		for _, l := range im.Layers {
			plan[i].layers = append(plan[i].layers, l.Digest)
			ids = append(ids, l.DiffID)
		}
		slices.Sort(plan[i].layers)
		plan[i].layers = slices.Compact(plan[i].layers)
		for _, d := range plan[i].layers {
			count[d]++
		}
		opt.Driver.Cache.PutImage(cache.Chain(ids), images[i].Refs[0], im.Digest)
	}
	for i, im := range found {
		if im == nil {
			continue
		}
		for _, l := range im.Layers {
			plan[i].shared = max(plan[i].shared, count[l.Digest]*int(min(l.Size, 1<<40)>>10))
		}
	}
	plan = slices.DeleteFunc(plan, func(p *planned) bool {
		if p.artifact {
			opt.Log.Info("no image", "image", p.Refs[0], "digest", p.Digest)
		}
		return p.artifact
	})
	slices.SortStableFunc(plan, func(a, b *planned) int {
		return cmp.Or(cmp.Compare(b.shared, a.shared), strings.Compare(a.Refs[0], b.Refs[0]))
	})
	return plan
}

// open opens an image by its digest: its tag may be moved meanwhile.
func open(ctx context.Context, im *Image, opt Options) (*source.Image, error) {
	found, err := source.Open(ctx, "docker://"+pinned(im), opt.Source)
	if err == nil {
		found.Name = im.Refs[0]
	}
	return found, err
}

// pinned is the reference of an image by its digest.
func pinned(im *Image) string {
	ref, _, _ := strings.Cut(im.Refs[0], "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		ref = ref[:i]
	}
	return ref + "@" + im.Digest
}

// judge judges one image.
func judge(ctx context.Context, p *planned, opt Options, room chan struct{}) *Result {
	step := opt.Trace.Start("judge")
	step.Set("tare.image", redact.Credentials(p.Refs[0]))
	step.Set("tare.digest", p.Digest)
	step.Set("tare.layers", len(p.layers))
	log := opt.Log.With("image", p.Refs[0], "digest", p.Digest)
	if id := step.TraceID(); id != "" {
		log = log.With("trace", id)
	}
	log.Info("judging", "tags", len(p.Refs), "layers", len(p.layers))
	start := time.Now()
	t := opt.Target
	t.Name = p.Refs[0]
	t.OpenImage = func(ctx context.Context) (*source.Image, error) { return open(ctx, p.Image, opt) }
	held := false
	d := opt.Driver
	d.Remember, d.Manifests = func(string, string, string) {}, true // which image has which layers was noted before
	d.Hold = func(ctx context.Context) error {
		select {
		case room <- struct{}{}:
			held = true
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	res, err := driver.Check(ctx, t, d)
	if err != nil { // a stage that a Dockerfile lacks: there is none
		t.Err = err
		res, _ = driver.Check(ctx, t, d)
	}
	target := report.NewTarget(res, func(string, int, int) []string { return nil })
	r := &Result{Refs: p.Refs, Digest: p.Digest, Target: target, passing: res.Passing}
	if held {
		<-room
	}
	failed := ""
	if len(r.Errors) > 0 {
		failed = r.Errors[0]
		log.Error("could not be judged", "error", r.Errors[0], "seconds", time.Since(start).Seconds())
	} else {
		log.Info("judged", "findings", len(r.Findings), "seconds", time.Since(start).Seconds())
	}
	step.Set("tare.findings", len(r.Findings))
	step.End(failed)
	opt.Metrics.seconds("judge", time.Since(start))
	return r
}

// A busy set is the layers that are being read: an image that shares one waits, and finds it kept.
type busy struct {
	mu     sync.Mutex
	freed  *sync.Cond
	layers map[string]bool
}

func newBusy() *busy {
	b := &busy{layers: map[string]bool{}}
	b.freed = sync.NewCond(&b.mu)
	return b
}

func (b *busy) take(layers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for slices.ContainsFunc(layers, func(d string) bool { return b.layers[d] }) {
		b.freed.Wait()
	}
	for _, d := range layers {
		b.layers[d] = true
	}
}

func (b *busy) give(layers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range layers {
		delete(b.layers, d)
	}
	b.freed.Broadcast()
}
