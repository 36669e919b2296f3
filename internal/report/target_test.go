package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
)

// TestNewTarget: what a result becomes, field by field: what is not known is null.
func TestNewTarget(t *testing.T) {
	d := &analysis.Dockerfile{Path: "svc/Dockerfile", Source: []byte("FROM a AS one\r\nRUN x \\\n  y\nRUN last")}
	d.Stages = []*analysis.Stage{{Dockerfile: d, Name: "one", Line: 1, End: 1, From: "a", Base: "a", Root: "a", Reached: true}}
	d.Target = d.Stages[0]
	layer := &analysis.Layer{Index: 1, DiffID: "sha256:1", Digest: "sha256:2", Size: analysis.Size{Unpacked: 5, Download: 3}, Instructions: []*analysis.Instruction{{Stage: d.Stages[0], Line: 4, End: 4}}}
	im := &analysis.Image{
		Name: "reg.example.com/app:1", Source: "registry", Platform: "linux/amd64", Config: &v1.ConfigFile{}, Indexed: true,
		Layers: []*analysis.Layer{{DiffID: "sha256:0", Base: true}, layer, {DiffID: "sha256:3"}}, Base: analysis.Base{Ref: "a", Layers: 1, How: "alignment"},
	}
	rule := &analysis.Rule{ID: "r"}
	at := func(path string, line, end int) analysis.Location {
		return analysis.Location{Path: path, Line: line, End: end}
	}
	res := &driver.Result{
		Target:     driver.Target{Name: "svc", Context: fstest.MapFS{}, ContextDir: "svc", Config: driver.Config{Files: []string{".tare.yaml"}, Strict: true}},
		Dockerfile: d, Image: im,
		Findings: []analysis.Finding{
			{Rule: rule, Location: at("svc/Dockerfile", 1, 1), Key: "1"}, {Rule: rule, Location: at("svc/Dockerfile", 2, 3), Key: "2"},
			{Rule: rule, Location: at("svc/Dockerfile", 4, 4), Key: "3", Bytes: analysis.Size{Unpacked: 7, Download: 1}, Measured: 9, Packages: []string{"p"}, Among: 3},
			{Rule: rule, Location: at("svc/Dockerfile", 9, 9), Key: "4"}, {Rule: rule, Location: at("svc/f", 2, 30), Key: "5"}, {Rule: rule, Location: at("svc/f", 0, 0), Key: "6"},
			{Rule: rule, Location: analysis.Location{Path: "usr", Layer: layer}, Key: "7"}, {Rule: rule, Key: "8"},
		},
		Errors: []error{errors.New("e")}, Remarks: []string{"m"}, NotRun: []analysis.Undecided{{Rule: rule, Reason: "why"}},
	}
	var asked []string
	lines := func(path string, first, last int) []string {
		asked = append(asked, fmt.Sprint(path, " ", first, "-", last))
		return []string{"of f"}
	}
	got := report.NewTarget(res, lines)
	if got.Context != "svc" || got.Configuration.FailOn != "warning" || !got.Configuration.Strict || fmt.Sprint(got.Configuration.Files) != "[.tare.yaml]" ||
		fmt.Sprint(got.Errors, got.Remarks, got.NotRun) != "[e] [m] [{r why image}]" {
		t.Errorf("%+v", got)
	}
	var snippets []string
	for _, f := range got.Findings {
		snippets = append(snippets, fmt.Sprintf("%s=%q", f.Key, f.Snippet))
	}
	if s, want := strings.Join(snippets, " "), `1="FROM a AS one" 2="RUN x \\\n  y" 3="RUN last" 4="" 5="of f" 6="" 7="" 8=""`; s != want || fmt.Sprint(asked) != "[svc/f 2-11]" {
		t.Errorf("%s, asked %q, want %s", s, asked, want)
	}
	if f := got.Findings[2]; f.Bytes == nil || f.Bytes.Unpacked != 7 || f.Bytes.Download != 1 || f.Measured == nil || *f.Measured != 9 || fmt.Sprint(f.Packages, f.Among) != "[p] 3" {
		t.Errorf("%+v", f)
	}
	if f := got.Findings[0]; f.Bytes != nil || f.Measured != nil || f.Packages != nil {
		t.Errorf("%+v", f)
	}
	if got.Image.Digest != nil || got.Image.Layers[0].Digest != nil || *got.Image.Layers[1].Digest != "sha256:2" || *got.Image.Layers[1].CompressedBytes != 3 ||
		got.Image.Layers[0].CompressedBytes != nil || *got.Image.Layers[0].UnpackedBytes != 0 {
		t.Errorf("%+v", got.Image)
	}
	var by []string
	for _, l := range got.Image.Layers {
		by = append(by, fmt.Sprint(l.AttributedBy, len(l.Instructions)))
	}
	if s := strings.Join(by, " "); s != "alignment0 alignment1 0" {
		t.Errorf("attributed: %s", s)
	}
	seen := map[string]string{}
	for _, f := range got.Findings {
		f := f
		if other := seen[f.Fingerprint]; other != "" {
			t.Errorf("%s and %s have one fingerprint", f.Key, other)
		}
		seen[f.Fingerprint] = f.Key
	}
	res.Target.Context = nil
	if got := report.NewTarget(res, lines); got.Context != "" {
		t.Errorf("without a context: %q", got.Context)
	}
}

// TestRepositoryPlaces: a fingerprint is of the file in its repository, whatever the working directory
// is, of an image's file with its Dockerfile and stage, and of another file for every stage.
func TestRepositoryPlaces(t *testing.T) {
	of := func(place driver.Place, dockerfile, stage string, l analysis.Location) string {
		res := &driver.Result{
			Target: driver.Target{Place: place}, Dockerfile: &analysis.Dockerfile{Path: dockerfile, Target: &analysis.Stage{Name: stage}},
			Findings: []analysis.Finding{{Rule: &analysis.Rule{ID: "r"}, Location: l, Key: "k"}},
		}
		return report.NewTarget(res, func(string, int, int) []string { return nil }).Findings[0].Fingerprint
	}
	layer := analysis.Location{Path: "usr/x", Layer: &analysis.Layer{}}
	file := func(p string) analysis.Location { return analysis.Location{Path: p, Line: 1} }
	here, sub, above := driver.Place{}, driver.Place{Prefix: "svc/a"}, driver.Place{Top: "repo"}
	for name, same := range map[string][2]string{
		"Dockerfile":   {of(here, "svc/a/D", "s", file("svc/a/D")), of(sub, "D", "s", file("D"))},
		"from outside": {of(here, "svc/a/D", "s", file("svc/a/D")), of(above, "repo/svc/a/D", "s", file("repo/svc/a/D"))},
		"a file":       {of(here, "svc/a/D", "s", file("base.txt")), of(sub, "D", "t", file("../../base.txt"))},
		"in a layer":   {of(here, "svc/a/D", "s", layer), of(sub, "D", "s", layer)},
		"the image":    {of(here, "svc/a/D", "s", analysis.Location{}), of(sub, "D", "s", analysis.Location{})},
	} {
		if same[0] != same[1] {
			t.Errorf("%s: the working directory changes the fingerprint", name)
		}
	}
	for name, other := range map[string][2]string{
		"stages":                    {of(here, "D", "s", file("D")), of(here, "D", "t", file("D"))},
		"stages, in a layer":        {of(here, "D", "s", layer), of(here, "D", "t", layer)},
		"stages, of the image":      {of(here, "D", "s", analysis.Location{}), of(here, "D", "t", analysis.Location{})},
		"a layer's file and a file": {of(here, "D", "", layer), of(here, "D", "", file("usr/x"))},
		"directories":               {of(sub, "D", "s", file("D")), of(here, "D", "s", file("D"))},
	} {
		if other[0] == other[1] {
			t.Errorf("%s have one fingerprint", name)
		}
	}
}

// TestShared: what is in force for all targets is not named, a file of the configuration not
// counted.
func TestShared(t *testing.T) {
	d := several()
	d.Targets = d.Targets[1:]
	d.Targets[1] = d.Targets[0]
	d.Targets[1].Name = "c"
	var b bytes.Buffer
	if err := report.Text(&b, d, report.Options{}); err != nil || !strings.Contains(b.String(), "\nsettings of .tare.yaml: a 1, c 3\n") ||
		!strings.Contains(b.String(), "\nnot run: slimbase-full (no base is set)\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// TestTree: the directories of an image, three levels deep, with what is below them: those that
// hold one percent of it or more.
func TestTree(t *testing.T) {
	layer := &analysis.Layer{}
	file := func(path string, size int64) {
		layer.Files = append(layer.Files, &analysis.File{Path: path, Layer: layer, Size: size})
	}
	file("etc/small", 9)
	file("opt/app/g", 100)
	file("opt/app/lib/deep/f", 590)
	file("opt/app/lib/deep/lower/f", 10)
	file("srv/ten", 10)
	file("top", 1)
	file("usr/h", 280)
	layer.Files = append(layer.Files, &analysis.File{Path: "var/again", Layer: layer, Hard: true, Link: "usr/h", Size: 500},
		&analysis.File{Path: "var/link", Layer: layer, Mode: fs.ModeSymlink, Link: "/usr/h", Size: 500})
	im := &analysis.Image{Config: &v1.ConfigFile{}, Layers: []*analysis.Layer{layer}}
	if err := im.Merge(100, 1<<20); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range report.NewTarget(&driver.Result{Image: im}, nil).Image.Tree {
		got = append(got, fmt.Sprint(d.Path, "=", d.Bytes))
	}
	if s, want := strings.Join(got, " "), "opt=700 opt/app=700 opt/app/lib=600 srv=10 usr=280"; s != want {
		t.Errorf("%s, want %s", s, want)
	}
}
