package attribution

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/dockerfile"
)

// differing aligns an image with a Dockerfile and says where and how they differ: "" if they
// do not, "not told" where that cannot be said.
func differing(t *testing.T, file string, config *v1.ConfigFile) string {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(file), dockerfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	im := &analysis.Image{Config: config}
	for _, h := range config.History {
		if !h.EmptyLayer {
			im.Layers = append(im.Layers, &analysis.Layer{Index: len(im.Layers)})
		}
	}
	Align(d, im, nil)
	switch {
	case im.Differs != nil && im.Differs.None:
		return fmt.Sprintf("%d: none", im.Differs.Location.Line)
	case im.Differs != nil:
		return fmt.Sprintf("%d: %s", im.Differs.Location.Line, im.Differs.What)
	case im.Aligned != "":
		return "not told"
	}
	return ""
}

const settled = `FROM debian:13 AS base
ENV A=1 B="x y"
ARG V=2
ENV C=$V
LABEL l="a b" org.opencontainers.image.title=t
WORKDIR /srv
RUN make
USER app
EXPOSE 8000 53/UDP
VOLUME ["/data", "/log"]
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/x", "--y"]
CMD serve --port 1
`

// image is what BuildKit v0.32 makes of it.
func built(change func(*v1.ConfigFile)) *v1.ConfigFile {
	c := &v1.ConfigFile{Config: v1.Config{
		Env: []string{"PATH=/bin", "A=1", "B=x y", "C=3"}, Labels: map[string]string{"l": "a b", "org.opencontainers.image.title": "other", "more": "x"},
		WorkingDir: "/srv", User: "app", ExposedPorts: map[string]struct{}{"8000/tcp": {}, "53/udp": {}}, Volumes: map[string]struct{}{"/data": {}, "/log": {}},
		StopSignal: "SIGINT", Entrypoint: []string{"/bin/x", "--y"}, Cmd: []string{"/bin/sh", "-c", "serve --port 1"},
	}}
	for _, by := range []string{
		"ENV A=1 B=x y", "ARG V=2", "ENV C=3", "LABEL l=a b org.opencontainers.image.title=t", "+WORKDIR /srv", "+RUN |1 V=3 /bin/sh -c make # buildkit",
		"USER app", "EXPOSE map[53/udp:{} 8000/tcp:{}]", "VOLUME [/data /log]", "STOPSIGNAL SIGINT", `ENTRYPOINT ["/bin/x" "--y"]`, `CMD ["/bin/sh" "-c" "serve --port 1"]`,
	} {
		text, layer := strings.CutPrefix(by, "+")
		c.History = append(c.History, v1.History{CreatedBy: text, EmptyLayer: !layer, Comment: "buildkit.dockerfile.v0"})
	}
	c.History = append([]v1.History{{CreatedBy: "# debian.sh", Comment: "debuerreotype 0.15"}, {CreatedBy: "CMD [\"bash\"]", EmptyLayer: true}}, c.History...)
	if change != nil {
		change(c)
	}
	return c
}

// TestConfigured: an instruction that makes no layer is compared with the image's configuration,
// at its line; what a build may be given, or a builder writes in its own way, is no difference.
func TestConfigured(t *testing.T) {
	// bare is without history's details, as other builders write it
	bare := func(c *v1.ConfigFile) {
		c.History = []v1.History{{CreatedBy: "ADD x / "}, {CreatedBy: "/bin/sh -c make"}}
	}
	for name, test := range map[string]struct {
		old, new string // of the Dockerfile
		change   func(*v1.ConfigFile)
		want     string
	}{
		"the same":            {"", "", nil, ""},
		"of another builder":  {"", "", bare, ""},
		"another CMD":         {"--port 1", "--port 2", nil, `13: the image has "[\"/bin/sh\",\"-c\",\"serve --port 1\"]"`},
		"an exec CMD":         {"CMD serve --port 1", `CMD ["serve"]`, bare, `13: the image has "[\"/bin/sh\",\"-c\",\"serve --port 1\"]"`},
		"no CMD":              {"", "", func(c *v1.ConfigFile) { bare(c); c.Config.Cmd = nil }, "13: the image has none"},
		"another ENTRYPOINT":  {`"--y"`, `"--z"`, bare, `12: the image has "[\"/bin/x\",\"--y\"]"`},
		"another USER":        {"USER app", "USER \"root\"", bare, `8: the image has "app"`},
		"a quoted USER":       {"USER app", "USER \"app\"", nil, ""},
		"a USER of an ARG":    {"USER app", "USER $V", bare, ""},
		"no USER":             {"", "", func(c *v1.ConfigFile) { bare(c); c.Config.User = "" }, "8: the image has none"},
		"another WORKDIR":     {"WORKDIR /srv", "WORKDIR /app", bare, `6: the image has "/srv"`},
		"its blanks":          {"WORKDIR /srv", "WORKDIR /srv/./", bare, ""},
		"one that is moved":   {"WORKDIR /srv", "WORKDIR /app", nil, `6: the image has "/srv"`},
		"a relative WORKDIR":  {"WORKDIR /srv", "WORKDIR srv", bare, ""},
		"another port":        {"EXPOSE 8000", "EXPOSE 9000", bare, "9: the image has none"},
		"a port of an ARG":    {"EXPOSE 8000", "EXPOSE $V", bare, ""},
		"another VOLUME":      {`"/log"`, `"/logs"`, bare, "10: the image has none"},
		"another STOPSIGNAL":  {"SIGINT", "SIGTERM", bare, `11: the image has "SIGINT"`},
		"another ENV":         {"A=1", "A=2", bare, "2: the image has another value"},
		"an ENV of blanks":    {`B="x y"`, `B="x z"`, nil, "2: the image has another value"},
		"an empty ENV":        {"A=1", "A=", bare, "2: the image has another value"},
		"an ENV more":         {"A=1", "A=1 D=", bare, `2: the image has none`},
		"an ENV of an ARG":    {"ENV C=$V", "ENV C=${V}x", bare, ""},
		"an overridden ENV":   {"ENV A=1", "ENV A=0\nENV A=1", bare, ""},
		"another LABEL":       {`l="a b"`, `l="a c"`, bare, "5: the image has another value"},
		"OCI's label":         {"title=t", "title=u", bare, ""},
		"a LABEL more":        {`l="a b"`, `l="a b" k=v`, bare, "5: the image has none"},
		"a USER less":         {"USER app\n", "", nil, "7: the image has one more USER after line 7"},
		"a USER before":       {"USER app", "USER root\nUSER app", nil, "8: the image has another USER"},
		"an ENV overridden":   {"ENV A=1", "ENV A=0\nENV A=1", nil, "2: the image has another ENV"},
		"an entry of another": {"USER app\n", "", func(c *v1.ConfigFile) { c.History[len(c.History)-1].Comment = "" }, ""},
		"a LABEL of the build": {"", "", func(c *v1.ConfigFile) {
			c.History = append(c.History, v1.History{CreatedBy: "LABEL version=1", EmptyLayer: true, Comment: "buildkit.dockerfile.v0"})
		}, ""},
		"an ENTRYPOINT above": {"CMD serve --port 1\n", "FROM base\nENTRYPOINT [\"/bin/x\", \"--y\"]\n", func(c *v1.ConfigFile) { bare(c); c.Config.Cmd = nil }, ""},
		"a WORKDIR before": {"WORKDIR /srv", "WORKDIR /app\nWORKDIR /srv", func(c *v1.ConfigFile) {
			c.History = slices.Insert(c.History, 6, v1.History{CreatedBy: "WORKDIR /other", Comment: "buildkit.dockerfile.v0"})
		}, `6: the image has "WORKDIR /other"`},
		"a SHELL of buildah": {"CMD serve", "SHELL [\"/bin/bash\", \"-c\"]\nCMD serve", bare, ""},
		"a SHELL":            {"CMD serve", "SHELL [\"/bin/bash\", \"-c\"]\nCMD serve", func(c *v1.ConfigFile) { bare(c); c.Config.Cmd[0] = "/bin/bash" }, ""},
	} {
		if got := differing(t, strings.Replace(settled, test.old, test.new, 1), built(test.change)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestTold: an image that shares no step with the Dockerfile is another; of one whose history
// is gone nothing is said.
func TestTold(t *testing.T) {
	const file = "FROM debian:13\nRUN one\nCOPY a /a\nRUN two\n"
	for name, test := range map[string]struct {
		history []v1.History
		want    string
	}{
		"another":              {[]v1.History{{CreatedBy: "# debian.sh"}, {CreatedBy: "RUN /bin/sh -c x # buildkit"}, {CreatedBy: "COPY b /b # buildkit"}}, "2: none"},
		"of the classic one":   {[]v1.History{{CreatedBy: "/bin/sh -c #(nop) ADD file:1 in / "}, {CreatedBy: "/bin/sh -c x"}}, "2: none"},
		"its base":             {[]v1.History{{CreatedBy: "ADD r.tar / # buildkit"}}, "2: none"},
		"one step of three":    {[]v1.History{{CreatedBy: "# debian.sh"}, {CreatedBy: "RUN /bin/sh -c one # buildkit"}}, "3: the image has nothing of it"},
		"the last of three":    {[]v1.History{{CreatedBy: "# debian.sh"}, {CreatedBy: "RUN /bin/sh -c two # buildkit"}}, "2: the image has nothing of it"},
		"kaniko":               {[]v1.History{{CreatedBy: "# debian.sh"}, {CreatedBy: "RUN one"}, {CreatedBy: "COPY a /a"}, {CreatedBy: "RUN two"}}, ""},
		"kaniko's other":       {[]v1.History{{CreatedBy: "# debian.sh"}, {CreatedBy: "RUN one"}, {CreatedBy: "COPY b /a"}, {CreatedBy: "RUN two"}}, `3: the image has "COPY b /a" in its place`},
		"squashed":             {[]v1.History{{CreatedBy: "squashed"}}, "not told"},
		"crane flatten":        {[]v1.History{{CreatedBy: "crane flatten sha256:0", Author: "crane"}}, "not told"},
		"imported":             {[]v1.History{{Comment: "Imported from -"}}, "not told"},
		"squashed on its base": {[]v1.History{{CreatedBy: "# debian.sh"}, {CreatedBy: "RUN /bin/sh -c base # buildkit"}, {CreatedBy: "", Comment: "merge"}}, "not told"},
		"of bazel":             {[]v1.History{{CreatedBy: "bazel build :x"}, {CreatedBy: "bazel build :y"}}, "not told"},
		"nothing":              {nil, "not told"},
	} {
		config := &v1.ConfigFile{History: test.history}
		if got := differing(t, file, config); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
