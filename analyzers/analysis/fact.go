package analysis

import (
	"fmt"
	"io/fs"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// A Fact is a value derived from a target, computed at most once for all the
// analyzers that list it. A fact reports nothing, and sees no settings: it is
// the same for all who read it.
type Fact[T any] struct {
	Name    string
	Needs   Needs
	Pod     bool // it is of the container of a pod: of an image that several run, it is derived for each
	Compute func(*Pass) (T, error)
}

// Of returns the value of f for the target of pass.
// It panics if the analyzer does not declare f.
func (f *Fact[T]) Of(pass *Pass) T {
	m, ok := pass.facts[f]
	if !ok {
		panic(fmt.Sprintf("analyzer %s reads fact %s without declaring it", pass.Analyzer.Name, f.Name))
	}
	v, _ := m.value.(T) // a nil interface value is T's zero
	return v
}

// AnyFact is a *Fact[T] of any T.
type AnyFact interface {
	fmt.Stringer
	needs() Needs
	pod() bool
	compute(*Pass) (any, error)
}

func (f *Fact[T]) String() string               { return f.Name }
func (f *Fact[T]) needs() Needs                 { return f.Needs }
func (f *Fact[T]) pod() bool                    { return f.Pod }
func (f *Fact[T]) compute(p *Pass) (any, error) { return f.Compute(p) }

// A memo is a fact's value for one target, or why there is none.
type memo struct {
	once  sync.Once
	done  atomic.Bool // value and err are there
	value any
	err   error
}

// A Target is what passes are made of: one Dockerfile, image, or both, and the
// values derived from them. It may be shared by passes that run at once.
type Target struct {
	Dockerfile *Dockerfile
	Image      *Image
	Baseline   *Image
	RunBy      []*Container
	Container  *Container
	Services   []*Service
	Files      fs.FS
	FilesDir   string
	Named      []string
	Now        time.Time
	AddedOnly  bool

	image *Target // that a container runs, and that has the facts which are not about the container; nil: t has all
	mu    sync.Mutex
	facts map[AnyFact]*memo
}

// Pod returns the target of a container that runs what t is. Facts that are not about the container are derived once for both.
func (t *Target) Pod(c *Container, services []*Service) *Target {
	return &Target{
		Dockerfile: t.Dockerfile, Image: t.Image, Baseline: t.Baseline, Container: c, Services: services,
		Files: t.Files, FilesDir: t.FilesDir, Named: t.Named, Now: t.Now, AddedOnly: t.AddedOnly, image: t,
	}
}

// NewPass returns a pass of a over t with its facts computed. The error is
// that of a fact.
func (t *Target) NewPass(a *Analyzer, config any, report func(Finding), undecided func(Undecided)) (*Pass, error) {
	pass := t.pass(a, config, report, undecided)
	return pass, t.load(pass, a.Needs.Facts)
}

func (t *Target) pass(a *Analyzer, config any, report func(Finding), undecided func(Undecided)) *Pass {
	return &Pass{
		Analyzer: a, Dockerfile: t.Dockerfile, Image: t.Image, Baseline: t.Baseline,
		RunBy: t.RunBy, Container: t.Container, Services: t.Services, Files: t.Files, FilesDir: t.FilesDir, Named: t.Named,
		Now: t.Now, AddedOnly: t.AddedOnly, Config: config,
		Report: report, undecided: undecided, facts: map[AnyFact]*memo{},
	}
}

// Derive computes facts that passes will need, side by side. A fact that fails is an error of each pass that
// needs it.
func (t *Target) Derive(facts []AnyFact) {
	_ = t.load(t.pass(&Analyzer{Name: "facts"}, nil, nil, nil), facts)
}

// load computes the facts, side by side: none of them needs another that is not among its own needs.
func (t *Target) load(p *Pass, facts []AnyFact) error {
	var wg sync.WaitGroup
	for i, f := range facts {
		m := t.memo(f)
		compute := func() {
			m.once.Do(func() {
				defer m.done.Store(true)
				silent := func(Finding) { panic("fact " + f.String() + " reports a finding") }
				of := t
				if t.image != nil && !f.pod() { // whoever asks first
					of = t.image
				}
				sub := of.pass(p.Analyzer, nil, silent, func(Undecided) { silent(Finding{}) })
				if m.err = of.load(sub, f.needs().Facts); m.err != nil {
					return
				}
				if m.value, m.err = f.compute(sub); m.err != nil {
					m.err = fmt.Errorf("%s: %w", f, m.err)
				}
			})
		}
		p.facts[f] = m
		switch {
		case m.done.Load():
		case i < len(facts)-1:
			wg.Go(compute)
		default:
			compute()
		}
	}
	wg.Wait()
	for _, f := range facts {
		if err := p.facts[f].err; err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) memo(f AnyFact) *memo {
	if t.image != nil && !f.pod() {
		return t.image.memo(f)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.facts == nil {
		t.facts = map[AnyFact]*memo{}
	}
	if t.facts[f] == nil {
		t.facts[f] = new(memo)
	}
	return t.facts[f]
}

// All returns n and the needs of its facts, and of theirs.
func (n Needs) All() iter.Seq[Needs] {
	return func(yield func(Needs) bool) { n.walk(yield) }
}

func (n Needs) walk(yield func(Needs) bool) bool {
	if !yield(n) {
		return false
	}
	for _, f := range n.Facts {
		if !f.needs().walk(yield) {
			return false
		}
	}
	return true
}
