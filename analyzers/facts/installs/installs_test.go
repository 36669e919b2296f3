package installs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/internal/dockerfile"
)

// read returns what a Dockerfile installs, and what of it is not known.
func read(t *testing.T, src string) (steps int, open []installs.Open) {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(src), dockerfile.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	target := &analysis.Target{Dockerfile: d, Files: fstest.MapFS{}}
	pass, err := target.NewPass(&analysis.Analyzer{Needs: analysis.Needs{Facts: []analysis.AnyFact{installs.Fact}}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fact := installs.Fact.Of(pass)
	for _, s := range d.Stages {
		for _, inst := range s.Instructions {
			steps += len(fact.Of(inst))
		}
	}
	return steps, fact.Open()
}

// installers are commands that install, and %s is where the shell may put them.
var installers = []string{
	"pip install flask", "python3 -m pip install flask", "apt-get install -y gcc", "apk add gcc", "dnf install -y gcc", "uv pip install flask", "uv tool install ruff", "pipx install black",
	"poetry install", "conda install numpy", "pip3.12 install --no-cache-dir flask", "$PIP install flask", "pip $VERB install flask", "apt-get install $PACKAGES", "apt-get install $(cat packages)",
}

// forms are ways in which a shell runs a command.
var forms = []string{
	"%s", "true && %s", "false || %s", "set -e; %s", "(%s)", "{ %s; }", "if true; then %s; fi", "if [ -n \"$X\" ]; then :; else %s; fi", "for i in a b; do %s; done", "while read x; do %s; done",
	"case $X in a) ;; *) %s;; esac", "f() { %s; }; f", "sudo %s", "sudo -u app -H %s", "env A=b %s", "A=b %s", "exec %s", "command %s", "time %s", "nice -n 5 %s", "timeout 60 %s", "nohup %s", "echo y | %s",
	"%s | tee log", "%s >/dev/null 2>&1", "%s &", "x=$(%s)", "echo \"$(%s)\"", "eval \"%s\"", "eval \"$X %s\"", "sh -c '%s'", "bash -lc \"%s\"", "bash -c \"$X; %s\"", "su app -c '%s'", "cat packages | xargs %s", "diff <(%s) /dev/null",
	"! %s", "until %s; do sleep 1; done", "stdbuf -o0 %s", "cd /tmp && %s", "trap '' INT; %s", "bash <<X\n%s\nX", "[ -f x ] || %s", "chroot /mnt %s", "setarch x86_64 %s", "flock /tmp/l %s", "watch %s",
}

// random is a script that runs an installer, in forms within forms.
func random(seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	text := installers[rng.IntN(len(installers))]
	for range rng.IntN(4) {
		form := forms[rng.IntN(len(forms))]
		if strings.Contains(form, "'%s'") && strings.ContainsAny(text, "'") || strings.Contains(form, "\"%s") && strings.ContainsAny(text, "\"$\\") || strings.Contains(form, "%s\"") && strings.ContainsAny(text, "\"$\\") ||
			strings.Contains(text, "<<") || strings.HasSuffix(text, "&") && strings.Contains(form, "%s;") {
			continue
		}
		if wraps(form) && strings.ContainsAny(text, ";|&(){}<>=!\n") || wraps(form) && strings.HasPrefix(text, "f") {
			continue // it takes a command, and not a script
		}
		text = fmt.Sprintf(form, text)
	}
	return text
}

// wraps reports whether a form takes the words of a command.
func wraps(form string) bool {
	before, _, _ := strings.Cut(form, "%s")
	return before != "" && strings.HasSuffix(before, " ") && !strings.HasSuffix(before, "; ") && !strings.HasSuffix(before, "&& ") && !strings.HasSuffix(before, "|| ") && !strings.HasSuffix(before, "then ") &&
		!strings.HasSuffix(before, "else ") && !strings.HasSuffix(before, "do ") && !strings.HasSuffix(before, ") ") && !strings.HasSuffix(before, "{ ") && !strings.HasSuffix(before, "| ")
}

// FuzzSilence: no RUN that runs an installer is passed over without a word.
func FuzzSilence(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		text := random(seed)
		src := "FROM debian:trixie-slim\nSHELL [\"/bin/bash\", \"-c\"]\nARG PIP\nARG VERB\nARG PACKAGES\nARG X\nRUN <<END\n" + text + "\nEND\n"
		if steps, open := read(t, src); steps == 0 && len(open) == 0 {
			t.Errorf("nothing is said of %q", text)
		}
	})
}

// TestHarmless: what runs no installer is not said to be open.
func TestHarmless(t *testing.T) {
	for _, run := range []string{
		"echo pip install flask", "make install", "ls $X", "$X --version", "sh -c 'echo hi'", "/usr/bin/thing.sh", ". /opt/venv/bin/activate", "grep -q pip requirements.txt", "python <<E\nprint(1)\nE",
		"curl -LsSf https://astral.sh/uv/install.sh | sh", "git clone https://example.com/x", "update-alternatives --install /usr/bin/pip pip /usr/bin/pip3 1", "x=$(uname -m); echo $x",
	} {
		if steps, open := read(t, "FROM debian:trixie-slim\nARG X\nRUN <<END\n"+run+"\nEND\n"); steps != 0 || len(open) != 0 {
			t.Errorf("%q: %d steps, %+v", run, steps, open)
		}
	}
}
