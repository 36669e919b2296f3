package process

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/dockerfile"
)

// shown is what is known of an image's configuration, with the lines that say so.
func shown(im *image) string {
	var parts []string
	for _, x := range []struct {
		name string
		w    *words
	}{{"entrypoint", im.entrypoint}, {"cmd", im.cmd}} {
		if x.w != nil {
			parts = append(parts, fmt.Sprintf("%s %q:%d", x.name, x.w.list, x.w.at.Line))
		}
	}
	for _, x := range []struct {
		name string
		s    setting
	}{{"user", im.user}, {"signal", im.signal}} {
		switch {
		case !x.s.known:
			parts = append(parts, x.name+" ?")
		case x.s.at.Line > 0 || x.s.value != "":
			parts = append(parts, fmt.Sprintf("%s %s:%d", x.name, x.s.value, x.s.at.Line))
		}
	}
	if im.why != "" {
		parts = append(parts, "why "+im.why)
	}
	if !im.all {
		parts = append(parts, "more variables")
	}
	for _, v := range im.env {
		if v.At.Line > 0 {
			parts = append(parts, fmt.Sprintf("%s=%s:%d %v", v.Name, v.Value, v.At.Line, v.Known))
		}
	}
	return strings.Join(parts, "; ")
}

// TestImage: what a Dockerfile tells of an image, and what an image tells whose Dockerfile is there. The joining of ENTRYPOINT and CMD
// is BuildKit's (dispatchEntrypoint, dispatchCmd).
func TestImage(t *testing.T) {
	for _, x := range []struct {
		name, text string
		config     *v1.Config // of the image; nil if there is none
		want       string
	}{
		{"an official base", "FROM python:3.14-slim\nCMD a b\n", nil, `cmd ["/bin/sh" "-c" "a b"]:2`},
		{"a mirror of it", "FROM mirror.gcr.io/library/python:3.14\nCMD [\"a\"]\n", nil, `cmd ["a"]:2`},
		{"one that is called so", "FROM registry.example/team/python:3.14\nCMD [\"a\"]\n", nil,
			`cmd ["a"]:2; user ?; signal ?; why whether the base of the Dockerfile has an ENTRYPOINT is not known; more variables`},
		{"one that says nothing", "FROM node:24\n", nil, `user ?; signal ?; why what the base of the Dockerfile runs is not known; more variables`},
		{"its own ENTRYPOINT", "FROM node:24\nENTRYPOINT [\"a\"]\n", nil, `entrypoint ["a"]:2; user ?; signal ?; more variables`},
		{"scratch", "FROM scratch\nENTRYPOINT [\"/a\"]\n", nil, `entrypoint ["/a"]:2`},
		{"ENTRYPOINT resets the CMD of the stage below", "FROM python:3.14 AS a\nCMD [\"x\"]\nFROM a\nENTRYPOINT [\"y\"]\n", nil, `entrypoint ["y"]:4`},
		{"and not its own", "FROM python:3.14\nCMD [\"x\"]\nENTRYPOINT [\"y\"]\n", nil, `entrypoint ["y"]:3; cmd ["x"]:2`},
		{"the last counts", "FROM python:3.14\nCMD [\"x\"]\nUSER a\nSTOPSIGNAL 2\nCMD [\"y\"]\nUSER b:c\n", nil, `cmd ["y"]:5; user b:c:6; signal 2:4`},
		{"SHELL", "FROM python:3.14\nSHELL [\"/bin/bash\", \"-ec\"]\nCMD x\n", nil, `cmd ["/bin/bash" "-ec" "x"]:3`},
		{"variables of a build", "FROM python:3.14\nARG who=a\nUSER $who\nSTOPSIGNAL $who\n", nil, `user ?; signal ?`},
		{"variables", "FROM python:3.14\nENV A=1 B=$X\nARG A=2 C=3\nENV B=4\n", nil, `B=4:4 true; A=1:2 true`},
		{"the image decides", "FROM node:24\nCMD [\"a\"]\nUSER b\n", &v1.Config{Entrypoint: []string{"e"}, Cmd: []string{"a"}, User: "b", StopSignal: "2"},
			`entrypoint ["e"]:0; cmd ["a"]:2; user b:3; signal 2:0`},
		{"of another build", "FROM python:3.14\nCMD [\"a\"]\nUSER b\n", &v1.Config{Cmd: []string{"c"}, User: "d"}, `cmd ["c"]:0; user d:0`},
	} {
		d, err := dockerfile.Parse("Dockerfile", []byte(x.text), dockerfile.Options{Platform: "linux/amd64", BuildPlatform: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		pass := &analysis.Pass{Dockerfile: d}
		if x.config != nil {
			pass.Image = &analysis.Image{Config: &v1.ConfigFile{Config: *x.config}}
		}
		if got := shown(imageOf(pass)); got != x.want {
			t.Errorf("%s:\ngot  %s\nwant %s", x.name, got, x.want)
		}
	}
}

// TestBaseVariables: what the official images set is not known from a Dockerfile; what they do not is known to be unset.
func TestBaseVariables(t *testing.T) {
	for _, x := range []struct{ from, unknown string }{{"python:3.14", "PATH"}, {"scratch", ""}} {
		d, err := dockerfile.Parse("Dockerfile", []byte("FROM "+x.from+"\n"), dockerfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		im := imageOf(&analysis.Pass{Dockerfile: d})
		if found := slices.ContainsFunc(im.env, func(v analysis.EnvVar) bool { return v.Name == "PATH" && !v.Known }); found != (x.unknown != "") {
			t.Errorf("%s: PATH is not known: %v", x.from, found)
		}
	}
}
