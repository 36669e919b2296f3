package attribution_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/attribution"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// random writes a Dockerfile of instructions that a builder records in ways of
// its own.
func random(rng *rand.Rand, registry string) string {
	var b strings.Builder
	base := registry + "/library/debian:bookworm-slim"
	n := 0
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	body := func() {
		for range 2 + rng.IntN(7) {
			n++
			switch rng.IntN(16) {
			case 0:
				line("ENV V%d=\"a b\" W=%d", n, n)
			case 1:
				line("ARG A%d=x%d", n, n)
			case 2:
				line("LABEL l%d=\"x y\"", n)
			case 3:
				line("WORKDIR /w%d", n)
			case 4:
				line("WORKDIR sub%d", n)
			case 5:
				line("COPY a.txt /copied%d/", n)
			case 6:
				line("COPY --chmod=644 a.txt b.txt ./")
			case 7:
				line("COPY --link a.txt /linked%d", n)
			case 8:
				line("RUN echo %d   >  /r%d && \\\n    # a comment\n    echo two", n, n)
			case 9:
				line("RUN <<E\nset -e\necho %d > /h%d\nE", n, n)
			case 10:
				line("RUN [\"/bin/sh\", \"-c\", \"echo %d > /e%d\"]", n, n)
			case 11:
				line("SHELL [\"/bin/bash\", \"-ec\"]")
			case 12:
				line("COPY <<E /doc%d\n$W %d\nE", n, n)
			case 13:
				line("USER root\nEXPOSE %d", 8000+n)
			case 14:
				line("RUN echo same")
			default:
				line("ADD a.txt /added%d", n)
			}
		}
	}
	line("ARG BASE=%s", base)
	line("FROM ${BASE} AS one")
	if rng.IntN(4) == 0 {
		line("ONBUILD RUN echo triggered > /onbuild")
	}
	body()
	if rng.IntN(2) == 0 {
		line("FROM one AS two")
		body()
	}
	if rng.IntN(3) == 0 {
		line("FROM %s", base)
		body()
		line("COPY --from=one /etc/hostname /from")
	}
	line("RUN echo last")
	line("CMD [\"x\"]")
	return b.String()
}

// A change is a Dockerfile in which one instruction without a layer is another.
type change struct {
	what, text string
	line       int // of the instruction
}

// changes makes one of each instruction without a layer that has a value.
func changes(text string) (list []change) {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		for _, r := range [][2]string{
			{"ENV ", "\"a b\""}, {"LABEL ", "\"x y\""}, {"USER ", "root"}, {"CMD ", "\"x\""}, {"EXPOSE ", "EXPOSE 8"}, {"WORKDIR ", "WORKDIR /w"},
		} {
			if strings.HasPrefix(l, r[0]) && strings.Contains(l, r[1]) {
				other := slices.Clone(lines)
				other[i] = strings.Replace(l, r[1], strings.TrimSuffix(r[1], "\"")+map[bool]string{true: "1\"", false: "1"}[strings.HasSuffix(r[1], "\"")], 1)
				list = append(list, change{"another " + strings.TrimSpace(r[0]), strings.Join(other, "\n"), i + 1})
			}
		}
	}
	return list
}

// stageOf is the index of the stage that a line is in.
func stageOf(d *analysis.Dockerfile, line int) (n int) {
	for i, s := range d.Stages {
		if s.Line <= line {
			n = i
		}
	}
	return n
}

func inChain(d *analysis.Dockerfile, line int) bool {
	return slices.Contains(d.Chain(), d.Stages[stageOf(d, line)])
}

// TestRandomBuilds builds random Dockerfiles with a real BuildKit and compares
// the line that alignment gives each layer with the one of the provenance: the
// same, or none.
func TestRandomBuilds(t *testing.T) {
	testbed := os.Getenv("TARE_TESTBED")
	if testbed == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run brings the testbed up")
	}
	registry := "localhost:5000"
	if port := os.Getenv("REGISTRY_PORT"); port != "" {
		registry = "localhost:" + port
	}
	builds := 200
	if n, err := strconv.Atoi(os.Getenv("TARE_BUILDS")); err == nil {
		builds = n
	}
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	placed, unplaced, base, triggered, changed := 0, 0, 0, 0, 0
	for i := range builds {
		text := random(rng, registry)
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		ref := fmt.Sprintf("%s/property/x:%d", registry, i%10)
		cmd := exec.Command("buildctl", "--addr", "unix://"+testbed+"/buildkitd.sock", "build", "--frontend", "dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir,
			"--opt", "attest:provenance=mode=max", "--output", "type=image,name="+ref+",push=true,registry.insecure=true,oci-mediatypes=true")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %d: %v\n%s\n%s", i, err, text, out)
		}
		src, err := source.Open(context.Background(), ref, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := src.Provenance(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		p, err := attribution.ParseProvenance(raw)
		if err != nil || string(p.Dockerfile) != text {
			t.Fatalf("provenance of build %d: %v", i, err)
		}
		d, err := dockerfile.Parse("Dockerfile", []byte(text), dockerfile.Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		im := image.New(src)
		attribution.Align(d, im, nil)
		if im.Differs != nil {
			t.Errorf("build %d: %+v\n%s", i, im.Differs, text)
		}
		for _, c := range changes(text) {
			other, err := dockerfile.Parse("Dockerfile", []byte(c.text), dockerfile.Options{})
			if err != nil {
				continue // a stage of which nothing is left
			}
			if !other.Stages[stageOf(other, c.line)].Reached || c.line > 0 && !inChain(other, c.line) {
				continue // it is of a stage that does not ship
			}
			compared := image.New(src)
			attribution.Align(other, compared, nil)
			changed++
			if compared.Differs == nil || compared.Differs.Location.Line != c.line {
				t.Errorf("build %d: %s at line %d is not found: %+v, %s\n%s", i, c.what, c.line, compared.Differs, compared.Aligned, c.text)
			}
		}
		checked := image.New(src)
		if attribution.Align(d, checked, p); checked.Differs != nil {
			t.Errorf("build %d: its own provenance is not believed: %+v\n%s", i, checked.Differs, text)
		}
		var digests []string
		file := strings.Split(text, "\n")
		for _, l := range im.Layers {
			digests = append(digests, l.Digest)
		}
		for _, s := range p.Steps {
			n := len(s.Layers)
			if s.Line == 0 || n == 0 || n > len(digests) || !slices.Equal(s.Layers, digests[:n]) {
				continue
			}
			switch at := im.Layers[n-1].Location(); {
			case at.Line == 0:
				unplaced++
			case im.Layers[n-1].Base:
				base++
				if at.Line != s.Line {
					t.Errorf("build %d: layer %d is the base's by alignment, of line %d by provenance\n%s", i, n-1, s.Line, text)
				}
			case strings.HasPrefix(file[at.Line-1], "ONBUILD ") && strings.HasPrefix(file[s.Line-1], "FROM "):
				triggered++ // BuildKit's records say which FROM triggered it
			case s.Line > at.End || s.End < at.Line:
				t.Errorf("build %d: layer %d is of line %d by alignment, of line %d by provenance\n%s", i, n-1, at.Line, s.Line, text)
			default:
				placed++
			}
		}
	}
	t.Logf("%d builds: %d layers placed as the provenance says, %d of bases, %d of ONBUILD, %d unplaced; %d changes found", builds, placed, base, triggered, unplaced, changed)
	if placed == 0 {
		t.Error("nothing was compared")
	}
}
