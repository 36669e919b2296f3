package cli

import (
	"slices"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/driver"
)

// TestCallable: what a manifest may know the image of a build by.
func TestCallable(t *testing.T) {
	for _, x := range []struct {
		b           build
		image, name string
		want        []string
	}{
		{build{name: "api"}, "registry.example/team/shop:1", "services/web/Dockerfile", []string{"registry.example/team/shop", "shop", "api", "web"}},
		{build{image: "shop:1"}, "", "web/Containerfile", []string{"shop", "web"}},
		{build{}, "oci:shop", "deploy/worker.Dockerfile", []string{"worker"}},
		{build{}, "", "deploy/Dockerfile.worker", []string{"worker"}},
		{build{name: "api", inline: "compose.yaml (api)"}, "", "compose.yaml", []string{"api"}},
	} {
		if got := callable(x.b, x.image, x.name); !slices.Equal(got, x.want) {
			t.Errorf("%+v, %q, %q: got %q, want %q", x.b, x.image, x.name, got, x.want)
		}
	}
}

// TestJoin: which build a container belongs to, and what each knows of the other's image then.
func TestJoin(t *testing.T) {
	builds := func(list ...*plan) []*plan { return list }
	own := func(ref string, names ...string) *plan {
		p := &plan{ref: ref, names: names}
		if p.Name = names[0]; ref != "" {
			p.open = (&finder{flags: &checkFlags{}}).open(ref, nil)
		}
		return p
	}
	for _, x := range []struct {
		name, image, ref string
		pulled           bool
		configs          []string // of the container; those of a build are a, b
		builds           []*plan
		want             string // the build that it belongs to; "" if it stays alone
		builtAs          string // the image that the build has then
		runs             string // that a container which stays alone has
	}{
		{name: "repository before name", image: "r.example/team/web:2", builds: builds(own("", "web"), own("", "r.example/team/web")), want: "r.example/team/web"},
		{name: "two of one name", image: "web", builds: builds(own("", "web"), own("", "x", "web"))},
		{name: "the build has the image", image: "web", builds: builds(own("web:1", "web")), want: "web", builtAs: "web:1"},
		{name: "the container has it", image: "web", ref: "web:1", builds: builds(own("", "web")), want: "web", builtAs: "web:1"},
		{name: "both have another", image: "web", ref: "web:1", builds: builds(own("web:2", "web")), runs: "web:1"},
		{name: "a pulled one may be of another build", image: "web", ref: "web:1", pulled: true, builds: builds(own("", "web")), runs: "web:1"},
		{name: "no image is named", builds: builds(own("", "web"))},
		{name: "a configuration further out", image: "web", configs: []string{"a"}, builds: builds(own("", "web")), want: "web"},
		{name: "another configuration", image: "web", configs: []string{"a", "c"}, builds: builds(own("web:1", "web")), runs: "web:1"},
		{name: "one more configuration", image: "web", configs: []string{"a", "b", "c"}, builds: builds(own("web:1", "web")), runs: "web:1"},
	} {
		c := &analysis.Container{Image: analysis.Text{S: x.image}, Workload: &analysis.Workload{}}
		p := &plan{ref: x.ref, pulled: x.pulled}
		p.Pods, p.PodsOnly, p.Config.Files, p.files = []driver.Pod{{Container: c}}, true, x.configs, []string{"/k.yaml"}
		fd := &finder{flags: &checkFlags{}, planned: append(slices.Clone(x.builds), p)}
		if x.ref != "" {
			p.open = fd.open(x.ref, nil)
		}
		for _, b := range x.builds {
			b.Config.Files = []string{"a", "b"}
		}
		fd.join()
		got := ""
		for _, b := range x.builds {
			if len(b.Pods) > 0 {
				if got = b.Name; b.ref != x.builtAs || (b.open != nil) != (b.ref != "") {
					t.Errorf("%s: the build has the image %q, want %q", x.name, b.ref, x.builtAs)
				}
				if !slices.Contains(b.files, "/k.yaml") {
					t.Errorf("%s: a change of the manifest is none of the target", x.name)
				}
			}
		}
		if alone := slices.Contains(fd.planned, p); got != x.want || alone != (got == "") {
			t.Errorf("%s: it belongs to %q, want %q; alone %v", x.name, got, x.want, alone)
		}
		if got == "" && p.ref != x.runs {
			t.Errorf("%s: it runs %q, want %q", x.name, p.ref, x.runs)
		}
	}
}
