package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const simple = "FROM python:3.14-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n"

// every runs in each format.
func every(args ...string) []string {
	return append([]string{"check", "-f", "text", "-f", "json=/dev/stderr", "-f", "sarif=/dev/stderr"}, args...)
}

// TestOutside: what lies outside of the checkout is not read.
func TestOutside(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, canary+"\n")
	try(t, map[string]attack{
		"Dockerfile is the environment":        {make: files(map[string]string{"Dockerfile": "-> /proc/self/environ"}, every()...), status: []int{3}, want: []string{"leads out of the directory"}},
		"Dockerfile is the environment, named": {make: files(map[string]string{"Dockerfile": "-> /proc/self/environ"}, every("Dockerfile")...), status: []int{3}, want: []string{"leads out of the directory"}},
		"through a directory":                  {make: files(map[string]string{"api": "-> " + filepath.Dir(secret), "x": ""}, every("api/secret")...), status: []int{2, 3}, want: []string{"leads out of the directory"}},
		"a directory":                          {make: files(map[string]string{"api": "-> /proc/self", "x": ""}, every("api")...), status: []int{2, 3}, want: []string{"leads out of the directory"}},
		"dockerfile: of the configuration":     {make: files(map[string]string{".tare.yaml": "dockerfile: ../" + strings.Repeat("../", 12) + secret[1:]}, every()...), status: []int{2, 3}, want: []string{"leads out"}},
		"a linked configuration":               {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "-> " + secret}, every()...), status: []int{0, 1}},
		"a named configuration":                {make: files(map[string]string{"Dockerfile": simple, "my.yaml": "-> " + secret}, every("--config", "my.yaml")...), status: []int{2}, want: []string{"leads out"}},
		"Dockerfile.dockerignore":              {make: files(map[string]string{"Dockerfile": simple, "Dockerfile.dockerignore": "-> " + secret}, every()...), status: []int{3}, want: []string{"leads out"}},
		".dockerignore":                        {make: files(map[string]string{"Dockerfile": simple, ".dockerignore": "-> " + secret}, every()...), status: []int{3}, want: []string{"leads out"}},
		"requirements":                         {make: files(map[string]string{"Dockerfile": simple, "requirements.txt": "-> " + secret}, every()...), status: []int{0, 1}, want: []string{"not decided"}},
		"requirements, named":                  {make: files(map[string]string{"requirements.txt": "-> " + secret}, every("requirements.txt")...), status: []int{3}, want: []string{"leads out"}},
		"an image of the configuration":        {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "image: docker-archive:../../../../../../../../" + secret}, every()...), status: []int{3}, want: []string{"leads out"}},
		"a layout of the configuration":        {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "image: oci:link", "link": "-> " + filepath.Dir(secret)}, every()...), status: []int{3}, want: []string{"leads out"}},
	})
}

// TestProjects: a compose file, what bake prints and a baseline lead nowhere else, read no
// variable of the process, and end.
func TestProjects(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, canary+"\n")
	up := strings.Repeat("../", 20)
	compose := func(text string, more ...string) func(*testing.T, string) []string {
		list := map[string]string{"compose.yaml": text, "Dockerfile": simple}
		for i := 0; i+1 < len(more); i += 2 {
			list[more[i]] = more[i+1]
		}
		return files(list, every("compose.yaml")...)
	}
	var doubled, many, deep strings.Builder
	doubled.WriteString("services:\n  a: {build: .}\nx-0: &a0 {k: v}\n")
	for i := range 40 {
		fmt.Fprintf(&doubled, "x-%d: &a%d {<<: [*a%d, *a%d]}\n", i+1, i+1, i, i)
	}
	many.WriteString("services:\n  s20000: {build: .}\n")
	deep.WriteString("services:\n")
	for i := range 20_000 {
		fmt.Fprintf(&many, "  s%d: {extends: s%d}\n", i, i+1)
	}
	for i := range 300 {
		fmt.Fprintf(&deep, "  s%d: {build: {context: ., args: {A: %q}}}\n", i, strings.Repeat("${A:-", 2000)+strings.Repeat("}", 2000))
	}
	try(t, map[string]attack{
		"an include":          {make: compose("include: [" + up + secret[1:] + "]\n"), status: []int{2}, want: []string{"leads out"}},
		"an absolute include": {make: compose("include: [" + secret + "]\n"), status: []int{2}, want: []string{"leads out"}},
		"what is extended":    {make: compose("services: {a: {extends: {file: " + secret + ", service: x}}}\n"), status: []int{2}, want: []string{"leads out"}},
		"a linked file":       {make: compose("include: [x.yaml]\n", "x.yaml", "-> "+secret), status: []int{2}, want: []string{"leads out"}},
		"a linked .env":       {make: compose("services: {a: {build: {context: ., args: {A: $X}}}}\n", ".env", "-> "+secret), status: []int{0, 1}, want: []string{".env is not read"}},
		"a Dockerfile":        {make: compose("services: {a: {build: {context: ., dockerfile: " + secret + "}}}\n"), status: []int{3}, want: []string{"leads out"}},
		"a context":           {make: compose("services: {a: {build: {context: " + filepath.Dir(secret) + ", dockerfile_inline: \"FROM a\\nCOPY secret .\\n\"}}}\n"), status: []int{2, 3}, want: []string{"leads out"}},
		"the environment":     {make: compose("services: {a: {build: {context: ., target: \"${CANARY}\", args: {A: \"$CANARY\"}}}}\n"), env: []string{"CANARY=" + canary}, status: []int{0, 1, 2}, want: []string{"CANARY has no value"}},
		"merges that double":  {make: compose(doubled.String()), status: []int{2}, want: []string{"limit of"}},
		"a chain":             {make: compose(many.String()), status: []int{2}, want: []string{"limit of 20 services"}},
		"nested variables":    {make: compose(deep.String()), status: []int{0, 1, 2}},
		"a pipe":              {make: compose("include: [x.yaml]\n", "x.yaml", "pipe"), status: []int{2}, want: []string{"no regular file"}},
		"bake's context":      {make: files(map[string]string{"bake.json": `{"target": {"a": {"context": "` + filepath.Dir(secret) + `", "dockerfile": "secret"}}}`}, every("bake.json")...), status: []int{2, 3}, want: []string{"leads out"}},
		"a pyproject.toml":    {make: files(map[string]string{"Dockerfile": simple, "pyproject.toml": "[tool.tare]\nexclude = " + strings.Repeat("[", 200_000)}, every()...), status: []int{2}},
		"one of brackets":     {make: files(map[string]string{"Dockerfile": simple, "pyproject.toml": "[tool.tare]\nexclude = " + strings.Repeat("[", 900_000)}, every()...), status: []int{0, 1}, want: []string{"pyproject.toml is not read"}},
		"a linked pyproject":  {make: files(map[string]string{"Dockerfile": simple, "pyproject.toml": "-> " + secret}, every()...), status: []int{0, 1}},
		"a large pyproject":   {make: files(map[string]string{"Dockerfile": simple, "pyproject.toml": "sparse 3000000000"}, every()...), status: []int{0, 1}},
		"a baseline":          {make: files(map[string]string{"Dockerfile": simple, "b.json": "sparse 3000000000"}, every("--baseline", "b.json")...), status: []int{2}, want: []string{"more than the limit"}},
		"a baseline's pipe":   {make: files(map[string]string{"Dockerfile": simple, "b.json": "pipe"}, every("--baseline", "b.json")...), status: []int{2}, want: []string{"no regular file"}},
		"a linked baseline":   {make: files(map[string]string{"Dockerfile": simple, "b.json": "-> " + secret}, every("--baseline", "b.json")...), status: []int{2}},
		"init":                {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "-> /nowhere/x"}, "init"), status: []int{2, 3}},
		"a name in init":      {make: files(map[string]string{"a\ninjected: 1\n#/Dockerfile": simple, "b/Dockerfile": simple}, "init"), status: []int{0}},
	})
}

// TestLarge: files that say much are read in time, or their limit is named.
func TestLarge(t *testing.T) {
	var bake, tables, services, args, findings, copies strings.Builder
	bake.WriteString(`{"target": {"a": {}`)
	for i := range 70_000 {
		fmt.Fprintf(&bake, `,"%d":{}`, i)
	}
	bake.WriteString("}}")
	tables.WriteString("[tool.tare]\nstrict = true\n")
	for i := range 28_000 {
		fmt.Fprintf(&tables, "[%d]\n", i)
	}
	services.WriteString("services:\n")
	for i := range 24_000 {
		fmt.Fprintf(&services, "  s%d: {extends: s%d}\n", i, max(0, i/2-1))
	}
	args.WriteString("services:\n  base: {build: {context: ., args: {")
	for i := range 20_000 {
		fmt.Fprintf(&args, "a%d: 1, ", i)
	}
	args.WriteString("}}}\n")
	for i := range 499 {
		fmt.Fprintf(&args, "  s%d: {extends: base, build: {args: {b: %d}}}\n", i, i)
	}
	var locked, keys strings.Builder
	locked.WriteString("version = 1\n")
	for i := range 350_000 {
		fmt.Fprintf(&locked, "[%d]\n", i)
		fmt.Fprintf(&keys, "a%d = 1\n", i)
	}
	findings.WriteString(`{"version": 2, "tool": {"name": "tare"}, "targets": [{"findings": [{}`)
	findings.WriteString(strings.Repeat(",{}", 6_000_000))
	findings.WriteString("]}]}")
	copies.WriteString("FROM python:3.14-slim\n")
	for i := range 300 {
		fmt.Fprintf(&copies, "COPY %s /x\n", strings.Repeat(fmt.Sprintf("f%d ", i), 300))
	}
	includes := map[string]string{"compose.yaml": "include: [f0.yaml]\n"}
	for i := range 99 {
		includes[fmt.Sprintf("f%d.yaml", i)] = fmt.Sprintf("include: [f%d.yaml]\nx: [%s]\n", i+1, strings.Repeat("a,", 90_000))
	}
	try(t, map[string]attack{
		"bake":     {make: files(map[string]string{"bake.json": bake.String(), "Dockerfile": simple}, every("bake.json")...), status: []int{0, 1}},
		"tables":   {make: files(map[string]string{"pyproject.toml": tables.String(), "Dockerfile": simple}, every()...), status: []int{0, 1}},
		"keys":     {make: files(map[string]string{"pyproject.toml": "[tool.tare]\n" + strings.ReplaceAll(tables.String()[26:], "]", ".x]"), "Dockerfile": simple}, every()...), status: []int{0, 1, 2}},
		"services": {make: files(map[string]string{"compose.yaml": services.String()}, every("compose.yaml")...), status: []int{2}},
		"args":     {make: files(map[string]string{"compose.yaml": args.String(), "Dockerfile": simple}, every("compose.yaml")...), status: []int{2}, want: []string{"limit of"}},
		"includes": {make: files(includes, every("compose.yaml")...), status: []int{2}, want: []string{"limit of"}},
		"a list":   {make: files(map[string]string{"compose.yaml": "services: [" + strings.Repeat("a,", 520_000) + "]"}, every("compose.yaml")...), status: []int{2}},
		"a lock":   {make: files(map[string]string{"uv.lock": locked.String()}, every("uv.lock")...), status: []int{0, 1}, want: []string{"is not read"}},
		"its keys": {make: files(map[string]string{"uv.lock": keys.String()}, every("uv.lock")...), status: []int{0, 1}, want: []string{"is not read"}},
		"findings": {make: files(map[string]string{"b.json": findings.String(), "Dockerfile": simple}, every("--baseline", "b.json")...), status: []int{2}},
		"copies":   {make: files(map[string]string{"Dockerfile": copies.String()}, every()...), status: []int{0, 1}},
	})
}

// TestSince: git runs no program of the repository's configuration to tell what has changed.
func TestSince(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkout")
	mark := filepath.Join(t.TempDir(), "ran")
	files(map[string]string{"Dockerfile": simple, "requirements.txt": "flask==1\n", ".gitattributes": "* filter=x diff=x\nrequirements.txt filter=a=b\n"})(t, dir)
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b.c"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "x")
	git("config", "filter.x.clean", "touch "+mark+"; cat")
	git("config", "filter.x.process", "touch "+mark)
	git("config", "filter.x.required", "true")
	git("config", "filter.a=b.clean", "touch "+mark+"; cat")
	git("config", "filter.a b.process", "touch "+mark)
	git("config", "diff.x.command", "touch "+mark)
	git("config", "diff.x.textconv", "touch "+mark)
	git("config", "diff.external", "touch "+mark)
	git("config", "core.fsmonitor", "touch "+mark)
	write(t, filepath.Join(dir, "requirements.txt"), "flask==2\n")
	o := run(t, dir, nil, "check", "--since", "HEAD")
	if _, err := os.Stat(mark); err == nil || o.status > 1 || !strings.Contains(o.text, "Dockerfile") {
		t.Errorf("status %d, %v: %s", o.status, err, o.text)
	}
}

// TestManyIgnores: patterns and findings by the hundred are compared in time.
func TestManyIgnores(t *testing.T) {
	var paths, packages, pins strings.Builder
	paths.WriteString("ignore:\n")
	packages.WriteString("ignore:\n")
	for i := range 199 {
		fmt.Fprintf(&paths, "  - {rule: pinned, path: '**/%sx%d', reason: why}\n", strings.Repeat("*a", 40), i)
		fmt.Fprintf(&packages, "  - {rule: pinned, package: '%sy%d', reason: why}\n", strings.Repeat("*b", 40), i)
	}
	for i := range 5000 {
		fmt.Fprintf(&pins, "%s%d\n", strings.Repeat("ab", 50), i)
	}
	with := func(config string) func(*testing.T, string) []string {
		return files(map[string]string{"Dockerfile": simple, "requirements.txt": pins.String(), ".tare.yaml": config}, every()...)
	}
	try(t, map[string]attack{
		"paths":    {make: with(paths.String()), status: []int{1}},
		"packages": {make: with(packages.String()), status: []int{1}},
	})
}

// TestPipes: nothing waits for the other end of a pipe.
func TestPipes(t *testing.T) {
	try(t, map[string]attack{
		"Dockerfile":      {make: files(map[string]string{"Dockerfile": "pipe"}, every("Dockerfile")...), status: []int{3}, want: []string{"no regular file"}},
		"found":           {make: files(map[string]string{"Dockerfile": "pipe", "a.dockerfile": simple}, every(".")...), status: []int{1, 3}},
		"standard input":  {make: files(map[string]string{"Dockerfile": "-> /dev/stdin"}, every("Dockerfile")...), status: []int{3}},
		"an archive":      {make: files(map[string]string{"f": "pipe"}, every("docker-archive:f")...), status: []int{3}, want: []string{"no regular file"}},
		"an OCI archive":  {make: files(map[string]string{"f": "pipe"}, every("oci-archive:f")...), status: []int{3}, want: []string{"no regular file"}},
		"a layout":        {make: files(map[string]string{"l/index.json": "pipe"}, every("oci:l")...), status: []int{3}, want: []string{"no regular file"}},
		"requirements":    {make: files(map[string]string{"Dockerfile": simple, "requirements.txt": "pipe"}, every()...), status: []int{0, 1}, want: []string{"not decided"}},
		".dockerignore":   {make: files(map[string]string{"Dockerfile": simple, ".dockerignore": "pipe"}, every()...), status: []int{3}, want: []string{"no regular file"}},
		"a configuration": {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "pipe"}, every()...), status: []int{0, 1}},
	})
}

// TestGitPipe: git, which waits for ever for a pipe in the place of a file that
// it reads, is not waited for.
func TestGitPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkout")
	files(map[string]string{"Dockerfile": simple, ".gitignore": "pipe", ".git/HEAD": "ref: refs/heads/main\n", ".git/objects/x": "", ".git/refs/x": ""})(t, dir)
	o := run(t, dir, nil, "check")
	t.Logf("status %d, %v: %s", o.status, o.took, o.text)
	if o.status != 0 && o.status != 1 || o.took > mostTime+5e9 || !strings.Contains(o.text, "git takes more than the limit") {
		t.Error("git is waited for, or it is not said")
	}
}

// TestConfiguration: a configuration neither crashes nor hangs, is not read whole
// where it is refused, and does not change what is judged without a word.
func TestConfiguration(t *testing.T) {
	var doubled strings.Builder
	doubled.WriteString("sizebudget:\n  path: &a0 {usr: 1 GB}\n")
	for i := range 40 {
		fmt.Fprintf(&doubled, "  p%d: &a%d {<<: [*a%d, *a%d]}\n", i, i+1, i, i)
	}
	with := func(config string) func(*testing.T, string) []string {
		return files(map[string]string{"Dockerfile": simple, "decoy": "FROM scratch\n", ".tare.yaml": config}, every()...)
	}
	try(t, map[string]attack{
		"an alias that holds itself": {make: with("sizebudget: &a {<<: *a}\n"), status: []int{2}, want: []string{"limit of 20 levels"}},
		"merges that double":         {make: with(doubled.String()), status: []int{2}, want: []string{"limit of"}},
		"1 MB of brackets":           {make: with(strings.Repeat("[", 1<<20-1)), status: []int{2}},
		"1 MB of keys":               {make: with(strings.Repeat("? ", 1<<19-1)), status: []int{2}},
		"3 GB":                       {make: with("sparse 3000000000"), status: []int{2}, want: []string{"more than the limit of 1048576"}},
		"a decoy":                    {make: with("dockerfile: decoy\n"), status: []int{1}, want: []string{"settings of .tare.yaml: dockerfile decoy"}},
		"a stage":                    {make: with("stage: '0'\n"), status: []int{0, 1}, want: []string{"settings of .tare.yaml: stage 0"}},
		"a host":                     {make: with("image: 127.0.0.1:1/x:1\n"), status: []int{3}, want: []string{"--trust-registry 127.0.0.1:1"}},
		"a budget":                   {make: with("sizebudget: {download: 900 GB}\n"), status: []int{0, 1}, want: []string{"sizebudget.download 900 GB"}},
	})
}

// TestText: files of gigabytes, and Dockerfiles that are dear to read.
func TestText(t *testing.T) {
	var copies, ignored, line, variables, stages strings.Builder
	copies.WriteString("FROM python:3.14-slim\nWORKDIR /app\n")
	for i := range 4900 {
		fmt.Fprintf(&copies, "COPY . /app/x%d/\n", i)
	}
	for i := range 4900 {
		fmt.Fprintf(&copies, "RUN pip install -r r%d.txt\n", i)
	}
	for i := range 1200 {
		fmt.Fprintf(&ignored, "%sx%d*y*\n", strings.Repeat("**/", 60), i)
	}
	line.WriteString("FROM python:3.14-slim\nRUN true \\\n")
	for i := range 60_000 {
		fmt.Fprintf(&line, " ; pip install a%d \\\n", i)
	}
	line.WriteString(" ; true\n")
	variables.WriteString("FROM python:3.14-slim\nENV ")
	for i := range 5000 {
		fmt.Fprintf(&variables, "A%d=$A%d \\\n", i+1, i)
	}
	variables.WriteString("Z=1\n")
	stages.WriteString("FROM python:3.14-slim AS s0\n")
	for i := range 4000 {
		fmt.Fprintf(&stages, "FROM s%d AS s%d\nRUN pip install -r r%d.txt\n", i, i+1, i)
	}
	many := map[string]string{"Dockerfile": "FROM python:3.14-slim\nWORKDIR /app\nCOPY . .\n", ".dockerignore": ignored.String()}
	for i := range 500 {
		name := fmt.Sprintf("%sr%d.txt", strings.Repeat("d/", 30), i)
		many["Dockerfile"] += "RUN pip install -r " + name + "\n"
		many[name] = "flask\n"
	}
	try(t, map[string]attack{
		"99 MB of newlines":        {make: files(map[string]string{"requirements.txt": strings.Repeat("\n", 99e6)}, every("requirements.txt")...), status: []int{3}, want: []string{"more than the limit of 4194304"}},
		"4 MB of newlines":         {make: files(map[string]string{"requirements.txt": "x=\n" + strings.Repeat("\n", 4<<20-8)}, every("requirements.txt")...), status: []int{1}},
		"4 MB of names":            {make: files(map[string]string{"requirements.txt": strings.Repeat("a\n", 2<<20-8)}, every("requirements.txt")...), status: []int{1}, want: []string{"limit of 20000"}},
		"4 MB of wrong lines":      {make: files(map[string]string{"requirements.txt": strings.Repeat("=\n", 2<<20-8)}, every("requirements.txt")...), status: []int{1}},
		"a sparse file of 10 GB":   {make: files(map[string]string{"requirements.txt": "sparse 10000000000"}, every("requirements.txt")...), status: []int{3}, want: []string{"more than the limit of 4194304"}},
		"a Dockerfile of 10 GB":    {make: files(map[string]string{"Dockerfile": "sparse 10000000000"}, every("Dockerfile")...), status: []int{3}, want: []string{"more than the limit of 1048576"}},
		"copies and installs":      {make: files(map[string]string{"Dockerfile": copies.String(), "r4899.txt": "flask\n"}, every()...), status: []int{0, 1}},
		".dockerignore":            {make: files(many, every()...), status: []int{0, 1}},
		"a long line":              {make: files(map[string]string{"Dockerfile": line.String()}, every()...), status: []int{0, 1, 3}},
		"variables of variables":   {make: files(map[string]string{"Dockerfile": variables.String()}, every()...), status: []int{0, 1, 3}},
		"stages of stages":         {make: files(map[string]string{"Dockerfile": stages.String()}, every()...), status: []int{0, 1, 3}},
		"a heredoc of a megabyte":  {make: files(map[string]string{"Dockerfile": "FROM a:1\nRUN <<E\n" + strings.Repeat("pip install a\n", 70_000) + "E\n"}, every()...), status: []int{0, 1, 3}},
		"brackets of a shell":      {make: files(map[string]string{"Dockerfile": "FROM a:1\nRUN " + strings.Repeat("$(", 20_000) + "\n"}, every()...), status: []int{0, 1, 3}},
		"a marker of brackets":     {make: files(map[string]string{"requirements.txt": "a; " + strings.Repeat("(", 1<<20)}, every("requirements.txt")...), status: []int{1}},
		"a lock of brackets":       {make: files(map[string]string{"uv.lock": "a = " + strings.Repeat("[", 1<<20)}, every("uv.lock")...), status: []int{0, 1, 3}},
		"a Pipfile.lock, brackets": {make: files(map[string]string{"Pipfile.lock": strings.Repeat(`{"a":`, 1<<19)}, every("Pipfile.lock")...), status: []int{0, 1, 3}},
		"an environment, aliases":  {make: files(map[string]string{"environment.yml": "a: &a [*a]\ndependencies: [*a]\n"}, every("environment.yml")...), status: []int{0, 1, 3}},
	})
}

// TestRunner: no text of a checkout is a command to the runner.
func TestRunner(t *testing.T) {
	try(t, map[string]attack{
		"anywhere in a line": {make: files(map[string]string{"Dockerfile": "FROM python:3.14-slim\nRUN pip install '##[add-path]/x' flask\n"}, every()...), status: []int{0, 1}, not: []string{"##["}},
		"a path":             {make: files(map[string]string{"##[add-path]x.dockerfile": "FROM python\n"}, every()...), status: []int{1}, not: []string{"##["}},
		"begins a line":      {make: files(map[string]string{"::error::x.dockerfile": "FROM python\n"}, every()...), status: []int{1}, not: []string{"\n::error"}},
		"an unknown word":    {make: files(map[string]string{"Dockerfile": "##[add-path]/x\n::error::y\n"}, every()...), status: []int{3}, not: []string{"##["}},
		"a configuration":    {make: files(map[string]string{"Dockerfile": simple, ".tare.yaml": "'##[x]': 1\n"}, every()...), status: []int{2}, not: []string{"##["}},
	})
}
