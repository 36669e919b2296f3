package attribution

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/dockerfile"
)

// lines aligns a Dockerfile with a history, one entry a line, those that make
// no layer marked with "-", a comment behind a tab; and returns the line of each
// layer: "base", "?", a number, or several that were folded.
func lines(t *testing.T, file, history string) string {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(file), dockerfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	im := &analysis.Image{Config: &v1.ConfigFile{}}
	for line := range strings.Lines(history) {
		text, empty := strings.CutPrefix(strings.TrimSpace(line), "- ")
		text, comment, _ := strings.Cut(text, "\t")
		if text == "" {
			continue
		}
		im.Config.History = append(im.Config.History, v1.History{CreatedBy: text, EmptyLayer: empty, Comment: comment})
		if !empty {
			im.Layers = append(im.Layers, &analysis.Layer{Index: len(im.Layers)})
		}
	}
	Align(d, im, nil)
	var out []string
	for _, l := range im.Layers {
		switch at := l.Location(); {
		case l.Base:
			out = append(out, fmt.Sprintf("base:%d", at.Line))
		case at.Line > 0:
			var all []string
			for _, inst := range l.Instructions {
				all = append(all, fmt.Sprint(inst.Line))
			}
			out = append(out, strings.Join(all, "+"))
		default:
			out = append(out, "?")
		}
	}
	return strings.Join(out, " ")
}

const file = `ARG TAG=3.11
FROM python:$TAG AS base
ENV A=1 B="x y"
RUN apt-get update && \
    apt-get install -y   gcc
FROM base
ARG TOKEN
LABEL a=b
WORKDIR /app
COPY --chown=app a.txt $A /app/
RUN ["pip", "install", "x"]
RUN <<E
set -e
make
E
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN true
CMD ["x"]
`

const buildkit = `
ADD rootfs.tar / # buildkit
- CMD ["bash"]
RUN /bin/sh -c apt-get update # buildkit
- ENV A=1 B=x y
RUN /bin/sh -c apt-get update &&     apt-get install -y   gcc # buildkit
- ARG TOKEN=secret value /bin/sh -c x
- LABEL a=b
WORKDIR /app
COPY --chown=app a.txt 1 /app/ # buildkit
RUN |1 TOKEN=secret value /bin/sh -c x pip install x # buildkit
RUN |1 TOKEN=secret value /bin/sh -c set -e
- SHELL [/bin/bash -o pipefail -c]
RUN |1 TOKEN=s /bin/bash -o pipefail -c true # buildkit
- CMD ["x"]
`

func TestAlign(t *testing.T) {
	history := strings.Replace(buildkit, "-c set -e\n", "-c set -e make # buildkit\n", 1)
	if got := lines(t, file, history); got != "base:2 base:2 4 9 10 11 12 17" {
		t.Errorf("BuildKit: %s", got)
	}
	for name, change := range map[string][2]string{
		"another RUN":  {"-c true", "-c false"},
		"another COPY": {"a.txt 1", "b.txt 1"},
		"a RUN more":   {"- SHELL", "RUN /bin/sh -c more # buildkit\n- SHELL"},
	} {
		if got := lines(t, file, strings.Replace(history, change[0], change[1], 1)); strings.Trim(got, "? ") != "" {
			t.Errorf("%s: %s, want nothing placed", name, got)
		}
	}
	classic := `
/bin/sh -c #(nop) ADD file:0123 in /
- /bin/sh -c #(nop)  CMD ["python3"]
/bin/sh -c apt-get update
/bin/sh -c #(nop) COPY dir:0123 in /app
- /bin/sh -c #(nop) WORKDIR /app
|1 X=a b /bin/sh -c pip install x
- /bin/sh -c #(nop)  CMD ["x"]
`
	if got := lines(t, "FROM python:3.11\nRUN apt-get update\nCOPY . /app\nWORKDIR /app\nARG X\nRUN pip install x\nCMD [\"x\"]\n", classic); got != "base:1 2 3 6" {
		t.Errorf("classic: %s", got)
	}
	if got := lines(t, "FROM scratch\nCOPY a /\n", "COPY a / # buildkit\nCOPY a / # buildkit\n"); got != "base:1 2" {
		t.Errorf("the last of two equal entries: %s", got)
	}
	if got := lines(t, "FROM a\nARG D\nCOPY x $D\nRUN b\n", "COPY old / # buildkit\nCOPY x /y # buildkit\nRUN /bin/sh -c b # buildkit\n"); got != "base:1 3 4" {
		t.Errorf("an argument without a value: %s", got)
	}
}

// TestOnbuild reads what three builders record of a trigger of a stage in the
// file, and of a SHELL: buildah 1.28 runs no trigger, the classic builder writes
// the shell before what is no command.
func TestOnbuild(t *testing.T) {
	const file = `FROM debian AS base
ONBUILD RUN echo t
RUN a
FROM base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN b
COPY a.txt /app/last.txt
`
	for name, test := range map[string]struct{ history, want string }{
		"BuildKit": {`
ADD r / # buildkit
RUN /bin/sh -c a # buildkit
RUN /bin/sh -c echo t # buildkit
- SHELL [/bin/bash -o pipefail -c]
RUN /bin/bash -o pipefail -c b # buildkit
COPY a.txt /app/last.txt # buildkit
`, "base:1 3 2 6 7"},
		"classic": {`
ADD r / # buildkit
- /bin/sh -c #(nop)  ONBUILD RUN echo t
/bin/sh -c a
/bin/sh -c echo t
- /bin/bash -o pipefail -c #(nop)  SHELL [/bin/bash -o pipefail -c]
/bin/bash -o pipefail -c b
/bin/bash -o pipefail -c #(nop) COPY file:7a37 in /app/last.txt
`, "base:1 3 2 6 7"},
		"buildah": {`
ADD r / # buildkit
- /bin/sh -c #(nop) ONBUILD RUN echo t	FROM a
/bin/sh -c a	FROM b
- /bin/sh -c #(nop) SHELL ["/bin/bash", "-o", "pipefail", "-c"]	FROM c
/bin/sh -c b	FROM d
/bin/sh -c #(nop) COPY file:bbc2 in /app/last.txt	FROM e
`, "base:1 3 6 7"},
	} {
		if got := lines(t, file, test.history); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// TestDiffers changes a Dockerfile of which BuildKit made an image, as was seen
// with real ones, and wants the first instruction that differs.
func TestDiffers(t *testing.T) {
	const file = `FROM python:3.11-slim AS base
ONBUILD RUN echo t
RUN a
FROM base
# a comment
RUN b
COPY a.txt /app/
RUN c
`
	config := &v1.ConfigFile{Config: v1.Config{Env: []string{"PYTHON_VERSION=3.11.7"}}}
	for _, by := range []string{"ADD r / # buildkit", "RUN /bin/sh -c a # buildkit", "RUN /bin/sh -c echo t # buildkit", "RUN /bin/sh -c b # buildkit", "COPY a.txt /app/ # buildkit", "RUN /bin/sh -c c # buildkit"} {
		config.History = append(config.History, v1.History{CreatedBy: by})
	}
	for name, test := range map[string]struct {
		old, new, target string
		line             int // 0: none
	}{
		"a comment":       {"# a comment", "# another", "", 0},
		"a patch release": {"3.11-slim", "3.11.7-slim", "", 0},
		"a private base":  {"python:3.11-slim", "example.com/team/base:1", "", 0},
		"another RUN":     {"RUN c", "RUN d", "", 8},
		"a COPY less":     {"COPY a.txt /app/\n", "", "", 7},
		"a COPY more":     {"RUN c", "COPY b.txt /\nRUN c", "", 8},
		"another trigger": {"echo t", "echo u", "", 2},
		"another version": {"3.11-slim", "3.12-slim", "", 1},
		"a base without":  {"python:3.11-slim", "debian:bookworm-slim", "", 1},
		"an older stage":  {"", "", "base", 1},
		"a missing stage": {"RUN c", "RUN c\nFROM base\nRUN e\nRUN b\nRUN f", "", 10},
	} {
		d, err := dockerfile.Parse("Dockerfile", []byte(strings.Replace(file, test.old, test.new, 1)), dockerfile.Options{Target: test.target})
		if err != nil {
			t.Fatal(err)
		}
		im := &analysis.Image{Config: config}
		for i := range config.History {
			im.Layers = append(im.Layers, &analysis.Layer{Index: i})
		}
		Align(d, im, nil)
		line := 0
		if im.Differs != nil {
			line = im.Differs.Location.Line
		}
		if line != test.line {
			t.Errorf("%s: line %d, want %d: %+v", name, line, test.line, im.Differs)
		}
	}
}

// TestBuildah reads what buildah 1.28 records of this Dockerfile, with --layers
// and without.
func TestBuildah(t *testing.T) {
	const file = `FROM debian AS base
ENV A=1 B="x y"
RUN echo one   > /one && \
    echo two > /two
FROM base
ARG TOKEN=none
LABEL a="b c" d=e
WORKDIR /app
COPY a.txt $A /app/
COPY --from=build /out /opt/out
RUN ["/bin/sh", "-c", "echo three > /three"]
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN rm /one
USER nobody
CMD ["x"]
`
	const layers = `
- ARG ROOTFS=bookworm-slim.tar	buildkit.dockerfile.v0
ADD bookworm-slim.tar / # buildkit	buildkit.dockerfile.v0
- CMD ["bash"]	buildkit.dockerfile.v0
- /bin/sh -c #(nop) ENV A=1 B="x y"	FROM localhost:5000/library/debian:bookworm-slim
/bin/sh -c echo one   > /one &&     echo two > /two	FROM 418b9177d33d
- /bin/sh -c #(nop) ARG TOKEN	FROM 7d4c46c7678a
- /bin/sh -c #(nop) LABEL a="b c" d=e	FROM 343f3a99b05a
- /bin/sh -c #(nop) WORKDIR /app	FROM 6e6eca3009a7
/bin/sh -c #(nop) COPY multi:060f in /app/ 	FROM ac8602bd1190
/bin/sh -c #(nop) COPY dir:cb3f in /opt/out 	FROM dbceca8b0e46
|1 TOKEN=hidden /bin/sh -c ["/bin/sh", "-c", "echo three > /three"]	FROM 076afe9371fd
- /bin/sh -c #(nop) SHELL ["/bin/bash", "-o", "pipefail", "-c"]	FROM 2208481640f3
|1 TOKEN=hidden /bin/sh -c rm /one	FROM 3d1c38a8c5bd
- /bin/sh -c #(nop) USER nobody	FROM 84a78e1ffc9f
- /bin/sh -c #(nop) CMD ["x"]	FROM adf51d9cecfa
`
	if got := lines(t, file, layers); got != "base:1 3 9 10 11 13" {
		t.Errorf("--layers: %s", got)
	}
	flat := `
ADD bookworm-slim.tar / # buildkit	buildkit.dockerfile.v0
- CMD ["bash"]	buildkit.dockerfile.v0
- /bin/sh -c #(nop) ENV A=1 B="x y"
/bin/sh -c echo one   > /one &&     echo two > /two	FROM localhost:5000/library/debian:bookworm-slim
- /bin/sh -c #(nop) ARG TOKEN
- /bin/sh -c #(nop) LABEL a="b c" d=e
- /bin/sh -c #(nop) WORKDIR /app
- /bin/sh -c #(nop) COPY multi:060f in /app/
- /bin/sh -c #(nop) COPY dir:cb3f in /opt/out
- |1 TOKEN=hidden /bin/sh -c ["/bin/sh", "-c", "echo three > /three"]
- /bin/sh -c #(nop) SHELL ["/bin/bash", "-o", "pipefail", "-c"]
- |1 TOKEN=hidden /bin/sh -c rm /one
- /bin/sh -c #(nop) USER nobody
/bin/sh -c #(nop) CMD ["x"]	FROM ab379df23ce9
`
	if got := lines(t, file, flat); got != "base:1 3 9+10+11+13" {
		t.Errorf("without --layers: %s", got)
	}
	all := strings.Replace(strings.Replace(flat, "\nADD", "\n- ADD", 1), "\n/bin/sh -c echo one", "\n- /bin/sh -c echo one", 1)
	if got := lines(t, file, all); got != "?" {
		t.Errorf("--squash-all: %s, want nothing placed: the layer holds the base too", got)
	}
}

// claim is provenance of SLSA 1 as BuildKit writes it (docs/attestations):
// layer n of the steps is said to be of line n.
const claim = `{"predicateType": "https://slsa.dev/provenance/v1", "predicate": {
  "buildDefinition": {
    "externalParameters": {"request": {"args": {"build-arg:A": "1", "target": "t"}}},
    "resolvedDependencies": [{"uri": "pkg:docker/python@3.11?digest=sha256:0ff&platform=linux%2Famd64"}]},
  "runDetails": {"metadata": {"buildkit_metadata": {
    "source": {
      "infos": [{"filename": "Dockerfile", "data": "RlJPTSB4Cg=="}],
      "locations": {
        "step1": {"locations": [{"ranges": [{"start": {"line": 2}, "end": {"line": 2}}]}]},
        "step2": {"locations": [{"ranges": [{"start": {"line": 3}, "end": {"line": 3}}]}]}}},
    "vcs": {"localdir:dockerfile": "images/app"},
    "layers": {
      "step1:0": [[{"digest": "x"}, {"digest": "y"}]],
      "step2:0": [[{"digest": "x"}, {"digest": "y"}, {"digest": "z"}]]}}}}}}`

// TestProvenance checks a claim, and the same forged: other lines, other layers.
func TestProvenance(t *testing.T) {
	old := strings.NewReplacer(
		"/provenance/v1", "/provenance/v0.2",
		`"runDetails": {"metadata": {"buildkit_metadata": {`, `"metadata": {"https://mobyproject.org/buildkit@v1#metadata": {`,
		`"buildDefinition": {
    "externalParameters": {"request": {"args"`, `"invocation": {"parameters": {"args"`,
		`"target": "t"}}},
    "resolvedDependencies": [{"uri": "pkg:docker/python@3.11?digest=sha256:0ff&platform=linux%2Famd64"}]},`, `"target": "t"}}},
    "materials": [{"uri": "pkg:docker/python@3.11?digest=sha256:0ff&platform=linux%2Famd64"}],`,
		"]]}}}}}}", "]]}}}}}").Replace(claim)
	for name, test := range map[string]struct {
		claim, how string
		differs    int // the line
	}{
		"SLSA 1":       {claim, "provenance", 0},
		"SLSA 0.2":     {old, "provenance", 0},
		"other lines":  {strings.NewReplacer(`"line": 2`, `"line": 3`, `"line": 3`, `"line": 2`).Replace(claim), "alignment", 2},
		"other layers": {strings.NewReplacer(`"digest": "y"`, `"digest": "q"`).Replace(claim), "alignment", 0},
	} {
		d, err := dockerfile.Parse("Dockerfile", []byte("FROM python:3.11\nRUN a\nRUN b\n"), dockerfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		im := &analysis.Image{
			Config: &v1.ConfigFile{History: []v1.History{{CreatedBy: "ADD r /"}, {CreatedBy: "RUN /bin/sh -c a # buildkit"}, {CreatedBy: "RUN /bin/sh -c b # buildkit"}}},
			Layers: []*analysis.Layer{{Digest: "x"}, {Index: 1, Digest: "y"}, {Index: 2, Digest: "z"}},
		}
		p, err := ParseProvenance([]byte(test.claim))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if string(p.Dockerfile) != "FROM x\n" || p.Path != "images/app/Dockerfile" || p.Target != "t" || p.Args["A"] != "1" {
			t.Errorf("%s: read %+v", name, p)
		}
		Align(d, im, p)
		line := 0
		if im.Differs != nil {
			line = im.Differs.Location.Line
		}
		if im.Base.How != test.how || line != test.differs {
			t.Errorf("%s: base by %q, differs on line %d; want %q, %d", name, im.Base.How, line, test.how, test.differs)
		}
		if test.how == "provenance" && im.Base.Digest != "sha256:0ff" {
			t.Errorf("%s: base %q", name, im.Base.Digest)
		}
	}
}

func TestStands(t *testing.T) {
	hash := func(hex string) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: hex} }
	for name, test := range map[string]struct {
		base []v1.Hash
		want bool
	}{
		"all of it":   {[]v1.Hash{hash("a"), hash("b")}, true},
		"a moved tag": {[]v1.Hash{hash("a"), hash("x")}, false},
		"no layers":   {nil, false},
		"more layers": {[]v1.Hash{hash("a"), hash("b"), hash("c"), hash("d")}, false},
	} {
		im := &analysis.Image{Layers: []*analysis.Layer{{DiffID: "sha256:a"}, {DiffID: "sha256:b"}, {DiffID: "sha256:c"}}}
		c := &v1.ConfigFile{RootFS: v1.RootFS{DiffIDs: test.base}}
		got := Stands(im, c, analysis.Base{Ref: "r", How: "tag"}, nil)
		if got != test.want || im.Layers[0].Base != test.want || im.Layers[2].Base || (im.Base.Layers == 2) != test.want {
			t.Errorf("%s: %v, base %+v", name, got, im.Base)
		}
	}
}
