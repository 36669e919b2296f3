package process

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Application holds what of the image is the application's own; it is nil where the layers were not read. Whoever runs the image, it is
// derived once.
var Application = &analysis.Fact[*App]{
	Name:    "application",
	Needs:   analysis.Needs{Contents: sources()},
	Compute: application,
}

// An App is what lies above the base, and is part of no interpreter and no installed distribution.
type App struct {
	Sources []*analysis.File // Python, with its text
	Whole   bool             // false where some of it was not kept, or where there is none: what the application does is not known then
	Scripts []*analysis.File // of a shell or another interpreter, with their text
	Model   *analysis.File   // the largest file of a model; nil if there is none
	Named   string           // its path
	Free    bool             // an interpreter without the lock is there, the base's too: its threads use several processors

	mu    sync.Mutex
	found map[*regexp.Regexp]match
	words map[string]bool
}

// A match is the first of an expression in the sources.
type match struct {
	file  *analysis.File
	parts [][]byte
}

// Find is the first match of an expression in the sources, in their order; nil where there is none. It is looked for once, whoever asks.
func (a *App) Find(re *regexp.Regexp) (file *analysis.File, parts [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.found[re]
	if !ok {
		for _, f := range a.Sources {
			if m.parts = re.FindSubmatch(f.Contents); m.parts != nil {
				m.file = f
				break
			}
		}
		if a.found == nil {
			a.found = map[*regexp.Regexp]match{}
		}
		a.found[re] = m
	}
	return m.file, m.parts
}

// Matches reports whether an expression matches in the sources.
func (a *App) Matches(re *regexp.Regexp) bool {
	file, _ := a.Find(re)
	return file != nil
}

// Mentions reports whether a word is in the sources or in the scripts.
func (a *App) Mentions(word string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	said, ok := a.words[word]
	if !ok {
		has := func(f *analysis.File) bool { return bytes.Contains(f.Contents, []byte(word)) }
		said = slices.ContainsFunc(a.Sources, has) || slices.ContainsFunc(a.Scripts, has)
		if a.words == nil {
			a.words = map[string]bool{}
		}
		a.words[word] = said
	}
	return said
}

// sources are where the application's own Python lies: near the top, and deeper in directories that images keep their applications in, but
// not as deep as the packages of a virtual environment there.
func sources() (wants []analysis.Want) {
	for _, x := range []struct {
		dir   string
		depth int
	}{{"", 3}, {"app/", 4}, {"code/", 4}, {"src/", 4}, {"srv/", 4}, {"workspace/", 4}, {"home/*/", 4}, {"opt/*/", 3}, {"usr/src/*/", 4}} {
		for n := range x.depth {
			wants = append(wants, analysis.Want{Glob: x.dir + strings.Repeat("*/", n) + "*.py", Max: maxScript})
		}
	}
	return wants
}

var reInstalled = regexp.MustCompile(`(?:^|/)(?:site-packages|dist-packages|lib(?:64)?/python3?[0-9.]*)/`)

var reFree = regexp.MustCompile(`^python3\.\d+t$`)

// models are how files of models end, and leastModel how many bytes one has at least that counts.
var models = []string{".safetensors", ".gguf", ".onnx", ".pt"}

const leastModel = 100 << 20

func application(pass *analysis.Pass) (*App, error) {
	if !pass.HasFiles() {
		return nil, nil
	}
	a := &App{Whole: true}
	for name, f := range pass.Image.Files() {
		base := name[strings.LastIndexByte(name, '/')+1:]
		a.Free = a.Free || strings.HasPrefix(base, "python3.") && strings.HasSuffix(base, "t") && reFree.MatchString(base)
		if f.Layer.Base {
			continue
		}
		if f.Kind == analysis.KindScript && f.Contents != nil {
			a.Scripts = append(a.Scripts, f)
		}
		if !strings.HasSuffix(name, ".py") || !f.Mode.IsRegular() || f.Size == 0 || reInstalled.MatchString(name) {
			continue
		}
		if f.Contents == nil {
			a.Whole = false
			continue
		}
		a.Sources = append(a.Sources, f)
	}
	a.Whole = a.Whole && len(a.Sources) > 0
	for p, f := range pass.Image.Inodes() {
		if f.Size >= leastModel && slices.Contains(models, path.Ext(p)) && (a.Model == nil || f.Size > a.Model.Size) {
			a.Named, a.Model = p, f
		}
	}
	return a, nil
}
