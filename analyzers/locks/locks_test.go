package locks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/locks"
)

func describe(l *locks.Lock) string {
	var out []string
	for _, p := range l.Packages {
		s := fmt.Sprintf("%d %s %s", p.Line, p.Name, p.Version)
		if len(p.Hashes) > 0 {
			s += fmt.Sprintf(" %d hashes", len(p.Hashes))
		}
		if len(p.Groups) > 0 {
			s += fmt.Sprintf(" %q", p.Groups)
		}
		if p.Marker != "" {
			s += " ; " + p.Marker
		}
		if p.Source.Type != "" {
			s += fmt.Sprintf(" %s %s %s", p.Source.Type, p.Source.URL, p.Source.Commit)
		}
		if p.Conda {
			s += " conda"
		}
		out = append(out, strings.TrimSpace(s))
	}
	return strings.Join(out, "\n")
}

func TestRead(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\ngroups = [\"main\", \"dev\"]\nmarkers = \"x\"\nfiles = [{file = \"a.whl\", hash = \"sha256:0\"}]\n\n[[package]]\nname = \"g\"\nversion = \"2\"\n[package.source]\ntype = \"git\"\nurl = \"https://h/g\"\nresolved_reference = \"c0\"\n",
			"1 a 1 1 hashes [\"main\" \"dev\"] ; x\n8 g 2 git https://h/g c0"},
		{"old/poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\ncategory = \"dev\"\n[metadata.files]\na = [{file = \"x\", hash = \"sha256:0\"}]\n", "1 a 1 1 hashes [\"dev\"]"},
		{"uv.lock", "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"https://i\" }\nsdist = { url = \"u\", hash = \"sha256:0\" }\nwheels = [ { url = \"u\", hash = \"sha256:1\" } ]\n[[package]]\nname = \"p\"\nsource = { virtual = \".\" }\n[[package]]\nname = \"g\"\nversion = \"3\"\nsource = { git = \"https://h/g?rev=m#c0\" }\n",
			"2 a 1 2 hashes registry https://i\n8 p  virtual .\n11 g 3 git https://h/g?rev=m#c0 c0"},
		{"pdm.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\ngroups = [\"default\"]\nmarker = \"x\"\nfiles = [{file = \"f\", hash = \"sha256:0\"}]\n", "1 a 1 1 hashes [\"default\"] ; x"},
		{"pylock.dev.toml", "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\nmarker = \"m\"\n[[packages.wheels]]\nname = \"w\"\nhashes = {sha256 = \"0\"}\n[[packages]]\nname = \"g\"\nvcs = {type = \"git\", url = \"https://h/g\", commit-id = \"c0\"}\n",
			"2 a 1 1 hashes ; m\n9 g  git https://h/g c0"},
		{"Pipfile.lock", "{\n    \"_meta\": {\n        \"hash\": {}\n    },\n    \"default\": {\n        \"a\": {\n            \"hashes\": [\"sha256:0\"],\n            \"version\": \"==1\"\n        }\n    },\n    \"develop\": {\n        \"a\": {\n            \"version\": \"==2\"\n        }\n    }\n}\n",
			"6 a 1 1 hashes [\"default\"]\n12 a 2 [\"develop\"]"},
		{"environment.yml", "dependencies:\n  - numpy=1.2\n  - pip:\n    - flask\n", "2 numpy  conda\n4 flask"},
		{"conda-lock.yml", "version: 1\npackage:\n  - name: a\n    version: '1'\n    manager: conda\n    category: main\n    url: https://h\n    hash: {md5: x, sha256: y}\n", "3 a 1 2 hashes [\"main\"] url https://h  conda"},
		{"conda-linux-64.lock", "# x\n@EXPLICIT\nhttps://h/linux-64/py-x-1.2-h0_0.conda#00\n", "3 py-x 1.2 1 hashes url https://h/linux-64/py-x-1.2-h0_0.conda  conda"},
	} {
		l, err := locks.Read(locks.KindOf(test.name), []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := describe(l); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
	for name, want := range map[string]string{"poetry.lock": "line 2", "Pipfile.lock": "line 1", "environment.yml": "line"} {
		if _, err := locks.Read(locks.KindOf(name), []byte("a = 1\n<<<< {[")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for name, want := range map[string]locks.Kind{"a/uv.lock": locks.UV, "x.py.lock": locks.UV, "pylock.toml": locks.Pylock, "pyproject.toml": "", "conda.yml": locks.Environment, "docker-compose.yml": "", "Cargo.lock": ""} {
		if got := locks.KindOf(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzTOML(f *testing.F) {
	f.Add([]byte("[[package]]\nname = \"a\"\nfiles = [{hash = 1}]\nsource = 1\n[metadata.files]\na = [1]"))
	f.Add([]byte("[[packages]]\nvcs = {type = 1}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, kind := range []locks.Kind{locks.Poetry, locks.UV, locks.PDM, locks.Pylock} {
			_, _ = locks.Read(kind, text)
		}
	})
}

func FuzzPipfile(f *testing.F) {
	f.Add([]byte(`{"default": {"a": {"version": "==1", "hashes": [""]}}, "_meta": 1}`))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = locks.Read(locks.Pipfile, text) })
}

func FuzzConda(f *testing.F) {
	f.Add([]byte("dependencies: [a, {pip: [b, {c: d}]}, null]"))
	f.Add([]byte("package: [{name: a, hash: {md5: 1}}, 1]"))
	f.Add([]byte("@EXPLICIT\nhttp://a/b-c#\n://"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = locks.Read(locks.Environment, text)
		_, _ = locks.Read(locks.CondaLock, text)
	})
}
