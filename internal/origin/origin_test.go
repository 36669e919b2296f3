package origin

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/dockerfile"
)

// lines aligns a Dockerfile with a history, one entry a line, those that make
// no layer marked with "-", and returns the line of each layer: "base", "?" or
// a number.
func lines(t *testing.T, file, history string) string {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(file), dockerfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	im := &analysis.Image{Config: &v1.ConfigFile{}}
	for line := range strings.Lines(history) {
		text, empty := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if text == "" {
			continue
		}
		im.Config.History = append(im.Config.History, v1.History{CreatedBy: text, EmptyLayer: empty})
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
			out = append(out, fmt.Sprint(at.Line))
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

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"RUN |2 A=x TOKEN=s3cret y /bin/sh -c pip install a # buildkit":         "RUN /bin/sh -c pip install a # buildkit",
		"|1 T=s /bin/bash -o pipefail -c make":                                  "RUN /bin/bash -o pipefail -c make",
		"RUN /bin/sh -c pip install -i https://user:token@example.com/simple a": "RUN /bin/sh -c pip install -i https://xxxxx@example.com/simple a",
		"COPY a b # buildkit": "COPY a b # buildkit",
	} {
		if got := Redact(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
