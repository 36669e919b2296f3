package cli

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/kubernetes"
)

// TestCallable: what a manifest may know the image of a build by.
func TestCallable(t *testing.T) {
	for _, x := range []struct {
		b            build
		images       []string
		name         string
		repositories string
		words        string
		dir          string
	}{
		{build{name: "api"}, []string{"registry.example/team/shop:1", ""}, "services/web/Dockerfile", "registry.example/team/shop", "shop api", "services/web"},
		{build{}, []string{"shop:1"}, "web/Containerfile", "shop", "shop", "web"},
		{build{}, []string{"oci:shop"}, "deploy/Worker.Dockerfile", "", "worker", ""},
		{build{}, nil, "deploy/Dockerfile.worker", "", "worker", ""},
		{build{}, nil, "docker/Dockerfile-worker", "", "worker", ""},
		{build{}, nil, "api/Dockerfile.prod", "", "", "api"}, // a variant of the one beside it
		{build{name: "api", inline: "compose.yaml (api)"}, nil, "compose.yaml", "", "api", ""},
	} {
		got := callable(x.b, x.images, x.name)
		if x.dir != "" {
			x.dir = absolute(x.dir)
		}
		if strings.Join(got.repositories, " ") != x.repositories || strings.Join(got.words, " ") != x.words || got.dir != x.dir {
			t.Errorf("%+v, %q, %q: got %q", x.b, x.images, x.name, got)
		}
	}
}

// TestOwners: which build makes the image of a container.
func TestOwners(t *testing.T) {
	for _, x := range []struct {
		what   string
		builds map[string]names
		images []string // of containers
		want   string   // their builds
		open   string
	}{
		{"the repository", map[string]names{"a": {repositories: []string{"r.example/team/web"}, words: []string{"web"}}, "b": {words: []string{"web"}}},
			[]string{"r.example/team/web:2", "web"}, "a b", ""},
		{"others of its name are of somebody else", map[string]names{"a": {repositories: []string{"r.example/team/web"}, words: []string{"web"}}},
			[]string{"r.example/team/web:2", "vendor/web"}, "a -", ""},
		{"of another place, where nobody has the repository", map[string]names{"a": {repositories: []string{"r.example/dev/web"}, words: []string{"web"}}},
			[]string{"r.example/team/web"}, "a", ""},
		{"two repositories of one name", map[string]names{"a": {words: []string{"web"}}}, []string{"team/web", "vendor/web", "web"}, "- - -", ""},
		{"one of them has nothing before it", map[string]names{"a": {words: []string{"web"}}}, []string{"r.example/team/web", "web"}, "a a", ""},
		{"directories", map[string]names{"a": {dir: "/x/team-a/api"}, "b": {dir: "/x/team-b/API"}},
			[]string{"acme/team-a/api", "acme/team-b/api", "acme/team-c/other"}, "a b -", ""},
		{"directories of one name", map[string]names{"a": {dir: "/x/team-a/api"}, "b": {dir: "/x/team-b/api"}},
			[]string{"acme/api", "acme/api:2"}, "- -", "which builds the image of c0 and c1 is not known, a or b: --image NAME=REF says what a container runs"},
		{"a directory that says nothing", map[string]names{"a": {dir: "/x/build"}}, []string{"acme/build", "x/build"}, "- -", ""},
		{"an official image", map[string]names{"a": {dir: "/x/redis"}, "b": {dir: "/x/own"}},
			[]string{"redis:7", "docker.io/library/redis", "bitnami/redis", "own"}, "- - - b", ""},
		{"one that is called like an official image", map[string]names{"a": {dir: "/x/redis"}}, []string{"redis:7", "r.example/redis"}, "- -", ""},
		{"no image", map[string]names{"a": {dir: "/x/web"}}, []string{""}, "-", ""},
	} {
		var builds []*plan
		for _, name := range slices.Sorted(maps.Keys(x.builds)) {
			p := &plan{names: x.builds[name]}
			p.Name = name
			builds = append(builds, p)
		}
		var containers []*analysis.Container
		for i, image := range x.images {
			containers = append(containers, &analysis.Container{Name: fmt.Sprint("c", i), Image: analysis.Text{S: image}})
		}
		o := newOwners(builds, containers)
		var got []string
		for _, c := range containers {
			if p := o.of(c); p != nil {
				got = append(got, p.Name)
			} else {
				got = append(got, "-")
			}
		}
		if text := strings.Join(got, " "); text != x.want || strings.Join(o.remarks(), "; ") != x.open {
			t.Errorf("%s: got %s, want %s; %q", x.what, text, x.want, o.remarks())
		}
	}
}

// TestJoin: what a build and the containers that run it know of each other's image.
func TestJoin(t *testing.T) {
	for _, x := range []struct {
		name, built, ref string
		pulled           bool
		configs          []string // of the container; those of the build are a, b
		joined           bool
		builtAs, runs    string
		predicted        bool // of a container that stays alone the Dockerfile is known
	}{
		{name: "no image", joined: true},
		{name: "the build has one", built: "web:1", joined: true, builtAs: "web:1", runs: "web:1"},
		{name: "the container has one", ref: "web:1", joined: true, builtAs: "web:1", runs: "web:1"},
		{name: "both have another", built: "web:2", ref: "web:1", builtAs: "web:2", runs: "web:1"},
		{name: "a pulled one may be of another build", ref: "web:1", pulled: true, runs: "web:1", predicted: true},
		{name: "a configuration further out", configs: []string{"a"}, predicted: true},
		{name: "another configuration", configs: []string{"a", "c"}, built: "web:1", builtAs: "web:1", runs: "web:1", predicted: true},
	} {
		fd := &finder{flags: &checkFlags{}}
		b := &plan{ref: x.built, names: names{words: []string{"web"}}}
		b.Name, b.Path, b.Dockerfile, b.Config.Files = "Dockerfile", "Dockerfile", []byte("FROM a\n"), []string{"a", "b"}
		b.files = []string{"/Dockerfile"}
		c := &analysis.Container{Image: analysis.Text{S: "other"}, Workload: &analysis.Workload{}}
		p := &plan{ref: x.ref, pulled: x.pulled}
		p.Pods, p.PodsOnly, p.Config.Files, p.files = []driver.Pod{{Container: c}}, true, x.configs, []string{"/k.yaml"}
		if x.configs == nil {
			p.Config.Files = b.Config.Files
		}
		for _, q := range []*plan{b, p} {
			if q.ref != "" {
				q.open = fd.open(q.ref, nil)
			}
		}
		same := &plan{ref: x.built, names: names{words: []string{"other"}}} // the same file, by another name of it
		same.Name, same.Path = "compose", b.Path
		fd.planned = []*plan{b, same, p}
		fd.join()
		if joined := !slices.Contains(fd.planned, p); joined != x.joined || joined != (len(b.Pods) == 1) {
			t.Errorf("%s: joined %v", x.name, joined)
		}
		if x.joined && !slices.Contains(b.files, "/k.yaml") {
			t.Errorf("%s: a change of the manifest is none of the target", x.name)
		}
		if b.ref != x.builtAs || p.ref != x.runs || (b.open != nil) != (b.ref != "") || (p.open != nil) != (p.ref != "") {
			t.Errorf("%s: the build has %q, the container %q", x.name, b.ref, p.ref)
		}
		if !x.joined && (p.Dockerfile != nil) != x.predicted {
			t.Errorf("%s: the Dockerfile is known: %v", x.name, p.Dockerfile != nil)
		}
	}
}

// TestTogether: containers that run the same image under the same configuration are one target, and the image is read once.
func TestTogether(t *testing.T) {
	fd := &finder{flags: &checkFlags{}}
	for _, x := range []struct{ name, ref, config string }{
		{"a", "web:1", "x"}, {"b", "web:1", "x"}, {"c", "web:2", "x"}, {"d", "web:1", "y"}, {"e", "", "x"}, {"f", "", "x"}, {"g", "web:1", "x"},
	} {
		p := &plan{ref: x.ref}
		c := &analysis.Container{Name: x.name, Workload: &analysis.Workload{}}
		p.Name, p.Pods, p.PodsOnly, p.Config.Files, p.files = x.name, []driver.Pod{{Container: c}}, true, []string{x.config}, []string{x.name}
		fd.planned = append(fd.planned, p)
	}
	fd.join()
	var got []string
	for _, p := range fd.planned {
		text := p.Name + ":"
		for _, pod := range p.Pods {
			text += " " + pod.Container.Name
		}
		got = append(got, text+" "+strings.Join(p.files, ""))
	}
	want := []string{"a and 2 more: a b g abg", "c: c c", "d: d d", "e: e e", "f: f f"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestJoinImages: two images of one file are two builds, and an image that no commit holds may have changed whatever its pods are.
func TestJoinImages(t *testing.T) {
	fd := &finder{flags: &checkFlags{}}
	add := func(p *plan, name, path, ref string) *plan {
		p.Name, p.Path, p.ref, p.open = name, path, ref, fd.open(ref, nil)
		fd.planned = append(fd.planned, p)
		return p
	}
	web := add(&plan{names: names{words: []string{"web"}}}, "web", "Dockerfile", "r/web:1")
	worker := add(&plan{names: names{words: []string{"worker"}}}, "worker", "Dockerfile", "r/worker:1")
	image := add(&plan{names: names{words: []string{"alone"}}}, "r/alone:1", "", "r/alone:1")
	web.files = []string{"/Dockerfile"}
	for _, name := range []string{"web", "worker", "alone"} {
		p := &plan{}
		p.Pods, p.PodsOnly = []driver.Pod{{Container: &analysis.Container{Image: analysis.Text{S: name}, Workload: &analysis.Workload{}}}}, true
		p.files, p.shared = []string{"/k.yaml"}, []string{"/service.yaml", "/k.yaml"}
		fd.planned = append(fd.planned, p)
	}
	fd.join()
	for _, p := range []*plan{web, worker, image} {
		if len(p.Pods) != 1 {
			t.Errorf("%s is run by %d containers", p.Name, len(p.Pods))
		}
	}
	if !slices.Equal(web.files, []string{"/Dockerfile", "/k.yaml", "/service.yaml"}) || image.files != nil {
		t.Errorf("files %q, of the image %q", web.files, image.files)
	}
}

// TestKustomizations: one that is larger than any is, or broken, is not read, and said.
func TestKustomizations(t *testing.T) {
	for text, want := range map[string]string{
		"resources: [a.yaml]\n": "",
		"resources: [a.yaml]\n" + strings.Repeat("#", kubernetes.MaxKustomization): "kustomization.yaml is not read, and what it changes is judged as it lies there: " +
			fmt.Sprintf("%d bytes, more than the limit of %d", kubernetes.MaxKustomization+20, kubernetes.MaxKustomization),
		"a: 1\na: 2\n": `kustomization.yaml is not read, and what it changes is judged as it lies there: 2: "a" is given twice`,
	} {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("kustomization.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		fd := newFinder(t.Context(), Streams{}, nil, nil, &checkFlags{})
		root, err := fd.root(".")
		if err != nil {
			t.Fatal(err)
		}
		fd.kustomizations(root, []string{"kustomization.yaml"})
		if got := strings.Join(fd.remarks, "; "); got != want {
			t.Errorf("%.20q: got %q, want %q", text, got, want)
		}
	}
}
