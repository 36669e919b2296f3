// Package waste finds bytes that a build left in its layers for nothing.
package waste

import (
	_ "embed"
	"fmt"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:  "waste",
	Doc:   doc,
	Rules: []*analysis.Rule{cache, rewritten, deleted, duplicate, vcs, bytecode, tests},
	Needs: analysis.Needs{Facts: []analysis.AnyFact{causes.Fact, inputs.Fact, shell.Fact, installs.Fact}},
	Run:   run,
}

func rule(id, title string, severity analysis.Severity) *analysis.Rule {
	return &analysis.Rule{ID: id, Title: title, Severity: severity, Needs: analysis.InputFiles, Runtime: true}
}

// byBytes is a rule that compares the bytes of files.
func byBytes(r *analysis.Rule) *analysis.Rule {
	r.Bytes = true
	return r
}

var (
	cache = &analysis.Rule{
		ID:       "waste-cache",
		Title:    "caches and lists of package managers are left behind",
		Severity: analysis.Warning,
		Any:      analysis.InputDockerfile | analysis.InputFiles,
		Runtime:  true,
	}
	rewritten = byBytes(rule("waste-rewritten", "files are shipped again for another owner, mode or time", analysis.Warning))
	deleted   = rule("waste-deleted", "files are shipped and deleted by a later layer", analysis.Warning)
	duplicate = byBytes(rule("waste-duplicate", "the same bytes are shipped under several paths", analysis.Note))
	vcs       = rule("waste-vcs", "a directory of version control is shipped", analysis.Warning)
	bytecode  = rule("waste-bytecode", "bytecode is a large part of the application", analysis.Note)
	tests     = rule("waste-tests", "tests of libraries are a large part of the application", analysis.Note)
)

// byCause are the rules, with what a message says of each.
var byCause = map[causes.Cause]struct {
	rule      *analysis.Rule
	what, fix string
}{
	causes.Cache: {
		cache,
		"leaves caches and lists of package managers",
		"remove them in the same RUN (rm -rf /var/lib/apt/lists/*, pip install --no-cache-dir), or use RUN --mount=type=cache",
	},
	causes.Rewritten: {
		rewritten,
		"writes files again that the layers below hold with the same bytes",
		"set owner and mode where they are copied (COPY --chown, --chmod)",
	},
	causes.Deleted: {
		deleted,
		"ships files that a later layer deletes or overwrites",
		"delete them in the RUN that makes them, or make them in a build stage",
	},
	causes.Duplicate: {duplicate, "ships files that the image holds under another path already", "link them, or ship one"},
	causes.VCS: {
		vcs,
		"ships a directory of version control",
		"add .git to .dockerignore, or delete it in the RUN that clones",
	},
	causes.Bytecode: {
		bytecode,
		"ships bytecode",
		"set PYTHONDONTWRITEBYTECODE=1 and pip install --no-compile, at the price of a slower first start",
	},
	causes.Tests: {tests, "ships tests of libraries", "leave them out where the environment is made"},
}

const (
	least = 100e3 // what is less is not said
	small = 1e6   // what is less is a note
	share = 20    // bytecode and tests count from one in so many bytes of the application
)

func run(pass *analysis.Pass) error {
	if !pass.HasFiles() { // else the image decides
		fromText(pass)
		return nil
	}
	if pass.Image.Base.How == "" {
		for _, r := range pass.Analyzer.Rules {
			pass.Undecided(r, nil, analysis.NoBase)
		}
		return nil
	}
	var application int64
	for _, l := range pass.Image.Layers {
		if !l.Base {
			application += l.Size.Unpacked
		}
	}
	if causes.Fact.Of(pass).Apart {
		for _, r := range []*analysis.Rule{duplicate, rewritten} {
			pass.Undecided(r, nil, "files of layers that were read, and of layers that their tables of contents told, are not compared: --only "+
				r.ID+" reads them all")
		}
	}
	groups := causes.Fact.Of(pass).Groups
	sums := map[causes.Cause]int64{} // over all lines: one of many that brings little counts with the others
	for _, g := range groups {
		sums[g.Cause] += g.Size.Unpacked
	}
	for _, g := range groups {
		c, ok := byCause[g.Cause]
		if !ok || g.Size.Unpacked < least || (c.rule == bytecode || c.rule == tests) && sums[g.Cause]*share < application {
			continue
		}
		f := analysis.Finding{
			Rule:     c.rule,
			Location: g.Layer.Location(),
			Bytes:    g.Size,
			Key:      g.Layer.Key(),
			Related:  inputs.Fact.Of(pass).Made(g.Layer),
		}
		if g.Size.Unpacked < small {
			f.Severity = analysis.Note
		}
		size := g.Size.String()
		if g.Size.Download > 0 {
			size += ","
		}
		f.Message = fmt.Sprintf("%s: %s in %s; %s", c.what, size, files(len(g.Files)), c.fix)
		f.Related = append(f.Related, causes.Named(g)...)
		pass.Report(f)
	}
	return nil
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}
