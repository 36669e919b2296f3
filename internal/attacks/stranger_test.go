package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func repeat(text string, n int) string { return strings.Repeat(text, n) }

// TestShell: scripts of few bytes that become many words.
func TestShell(t *testing.T) {
	file := func(text string) func(*testing.T, string) []string {
		return files(map[string]string{"Dockerfile": text}, every()...)
	}
	said := []string{"limit of 1000000 words"}
	try(t, map[string]attack{
		"functions":        {make: file("FROM a:1\nRUN f(){ " + repeat("pip install a;", 3000) + "}; " + repeat("f;", 1000) + "\n"), status: []int{0, 1}, want: said},
		"a variable":       {make: file("FROM a:1\nRUN X=\"" + repeat("a ", 10_000) + "\"; pip install " + repeat("$X ", 10_000) + "\n"), status: []int{0, 1}, want: said},
		"a loop":           {make: file("FROM a:1\nRUN X=\"" + repeat("a ", 15_000) + "\"; pip install a; " + repeat("for i in "+repeat("$X ", 8)+"; do :; done; ", 600) + "\n"), status: []int{0, 1}, want: said},
		"a quoted loop":    {make: file("FROM a:1\nRUN for i in " + repeat("a ", 150) + "; do for j in " + repeat("b ", 150) + "; do pip install " + repeat("\"$i$j\" ", 3000) + "; done; done\n"), status: []int{0, 1}, want: said},
		"all arguments":    {make: file("FROM a:1\nRUN f(){ pip install " + repeat("\"$@\" ", 2400) + "; }; f " + repeat("a ", 15_000) + "\n"), status: []int{0, 1}, want: said},
		"patterns":         {make: file("FROM a:1\nRUN P=\"" + repeat("*a", 2000) + "b\"; X=" + repeat("a", 4000) + "; pip install a; case $X in " + repeat("$P) a;; ", 500) + " esac\n"), status: []int{0, 1}, want: said},
		"triggers":         {make: file("FROM a:1 AS a\nONBUILD RUN " + repeat("pip install a;", 2000) + "\n" + repeat("FROM a\n", 5000)), status: []int{3}, want: []string{"triggers of this file"}},
		"scripts":          {make: files(map[string]string{"Dockerfile": "FROM a:1\nWORKDIR /x\nCOPY . .\nRUN " + repeat("sh a.sh;", 3000) + "\n", "a.sh": repeat("sh b.sh\n", 3000), "b.sh": repeat("pip install a\n", 3000)}, every()...), status: []int{0, 1}, want: said},
		"a script of runs": {make: files(map[string]string{"Dockerfile": "FROM a:1\nWORKDIR /x\nCOPY . .\nRUN sh a.sh\n", "a.sh": "sh a.sh\nsh a.sh\n"}, every()...), status: []int{0, 1}},
	})
}

// TestLocks: locks that parsers take long for, or much memory.
func TestLocks(t *testing.T) {
	var keys, alias, inline strings.Builder
	for i := range 300 {
		fmt.Fprintf(&keys, "%sk%d: v", []string{"", ", "}[min(i, 1)], i)
	}
	fmt.Fprintf(&alias, "x: &a\n  name: q\n  hash: {%s}\npackage:\n%s", keys.String(), repeat("- *a\n", 300_000))
	inline.WriteString("metadata.files={")
	for i := range 300_000 {
		fmt.Fprintf(&inline, "a%d={},", i)
	}
	file := func(name, text string) func(*testing.T, string) []string {
		return files(map[string]string{name: text}, every(name)...)
	}
	try(t, map[string]attack{
		"aliases":             {make: file("conda-lock.yml", alias.String()), status: []int{1}, want: []string{"an alias"}},
		"a million names":     {make: file("environment.yml", "dependencies:\n"+repeat("- a\n", 1_000_000)), status: []int{0, 1}, want: []string{"more than the limit of 400000"}},
		"300,000 names":       {make: file("environment.yml", "dependencies:\n"+repeat("- a\n", 300_000)), status: []int{1}},
		"empty tables":        {make: file("conda-lock.yml", "package:\n"+repeat("- {}\n", 800_000)), status: []int{0, 1}, want: []string{"more than the limit of 400000"}},
		"an inline table":     {make: file("pdm.lock", inline.String()+"}\n"), status: []int{0, 1}, want: []string{"more than the limit of"}},
		"many inline tables":  {make: file("pdm.lock", "[metadata]\n"+repeat("a={"+repeat("b=1,", 10)+"c=1}\n", 3000)), status: []int{0, 1}},
		"one line of keys":    {make: file("uv.lock", repeat("a.", 30_000)+"b=1\n"), status: []int{0, 1, 3}},
		"a table, many times": {make: file("uv.lock", repeat("[[package]]\nname='a'\n", 100_000)), status: []int{0, 1}},
	})
}

// TestSaid: what a configuration sets cannot be made to look like something else.
func TestSaid(t *testing.T) {
	with := func(config string, args ...string) func(*testing.T, string) []string {
		return files(map[string]string{"Dockerfile": simple, "decoy": "FROM scratch\n", ".tare.yaml": config}, every(args...)...)
	}
	try(t, map[string]attack{
		"an alias for a key":   {make: with("sizebudget: {path: {&stage dockerfile: 900 GB}}\n*stage : decoy\n"), status: []int{2}, want: []string{"want a word for a key"}},
		"a long path":          {make: with("dockerfile: " + repeat("./", 60) + "decoy\n"), status: []int{1}, want: []string{"/decoy"}},
		"a longer path":        {make: with("dockerfile: " + repeat("./", 600) + "decoy\n"), status: []int{2}, want: []string{"limit of 1000"}},
		"binary":               {make: with("dockerfile: !!binary ZGVjb3k=\n"), status: []int{2}, want: []string{"binary"}},
		"an empty --config":    {make: with("dockerfile: decoy\n", "--config="), status: []int{2}, want: []string{"--config is empty"}},
		"an empty config-ref":  {make: with("dockerfile: decoy\n", "--config-ref="), status: []int{2}, want: []string{"--config-ref is empty"}},
		"a long password":      {make: with("image: https://user:" + canary + repeat("x", 90) + "@host/x\n"), status: []int{2, 3}},
		"a password in a line": {make: files(map[string]string{"Dockerfile": "FROM python:3.14-slim\nRUN pip install flask " + repeat("a==1 ", 88) + "--index-url https://user:" + canary + repeat("x", 400) + "@h/simple\n"}, every()...), status: []int{1}},
	})
}

// TestOutputs: where a report is written is not led out of the checkout, and a
// pipe that nobody reads is not waited for.
func TestOutputs(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "x.sarif"), "mine")
	try(t, map[string]attack{
		"a pipe":      {make: files(map[string]string{"Dockerfile": simple, "tare.sarif": "pipe"}, "check", "-f", "sarif=tare.sarif"), status: []int{3}},
		"a directory": {make: files(map[string]string{"Dockerfile": simple, "out": "-> " + outside}, "check", "-f", "sarif=out/x.sarif"), status: []int{3}, want: []string{"leads out"}},
		"a link":      {make: files(map[string]string{"Dockerfile": simple, "x.sarif": "-> " + filepath.Join(outside, "x.sarif")}, "check", "-f", "sarif=x.sarif"), status: []int{0, 1}},
	})
	if text, err := os.ReadFile(filepath.Join(outside, "x.sarif")); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestGit: a repository's own configuration runs no program, and what git reads
// takes no memory without end.
func TestGit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkout")
	marks := []string{filepath.Join(t.TempDir(), "ext"), filepath.Join(t.TempDir(), "ssh"), filepath.Join(t.TempDir(), "fsmonitor")}
	files(map[string]string{"Dockerfile": simple, ".tare.yaml": "stage: '0'\n"})(t, dir)
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b.c"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "x")
	id := git("rev-parse", "HEAD:.tare.yaml")
	if err := os.Remove(filepath.Join(dir, ".git/objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{"core.repositoryformatversion", "1"}, {"extensions.partialClone", "origin"}, {"remote.origin.promisor", "true"}, {"protocol.ext.allow", "always"}, {"protocol.ssh.allow", "always"},
		{"remote.origin.url", "ext::touch " + marks[0]}, {"core.sshCommand", "touch " + marks[1] + ";false"}, {"core.fsmonitor", "touch " + marks[2]}} {
		git("config", c[0], c[1])
	}
	for _, url := range []string{"ext::touch " + marks[0], "ssh://x@127.0.0.1/x"} {
		git("config", "remote.origin.url", url)
		for _, args := range [][]string{{"check"}, {"check", "--config-ref", "HEAD"}} {
			o := run(t, dir, nil, args...)
			t.Logf("%s, %q: status %d: %s", url, args, o.status, o.text)
		}
	}
	for _, m := range marks {
		if _, err := os.Stat(m); err == nil {
			t.Errorf("%s was run", filepath.Base(m))
		}
	}
	try(t, map[string]attack{"a .gitignore of 2 GB": {make: func(t *testing.T, dir string) []string {
		if out, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return files(map[string]string{"Dockerfile": simple, ".gitignore": "sparse 2000000000"}, every()...)(t, dir)
	}, status: []int{0, 1}}})
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err == nil && children.Maxrss > 1_000_000 {
		t.Errorf("a child took %d kB", children.Maxrss)
	}
}
