package installs

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/facts/shell"
)

// Options that take a value: pip's from its command line reference (pip 23 to
// 26), uv's from its own.
var (
	pipValues = options(
		pipFlags,
		`-r --requirement --requirements -c --constraint --constraints -e --editable -t --target --platform --python-version --implementation --abi --root --prefix
		--src --upgrade-strategy -C --config-settings --config-setting --global-option --install-option --build-option --no-binary --only-binary
		--progress-bar --root-user-action --report --group -i --index-url --pypi-url --extra-index-url -f --find-links --python --log --log-file
		--proxy --retries --timeout --default-timeout --exists-action --trusted-host --cert --client-cert --cache-dir --use-feature --use-deprecated
		--keyring-provider --resume-retries -b --build --build-constraint --uploaded-prior-to -d --dest --download -w --wheel-dir`,
	)
	uvValues = options(
		uvFlags,
		`--python-preference --python-downloads --python-fetch --preview-features --only-extra --no-build-isolation-package --check-url --publish-url
		-r --requirement --requirements -c --constraint --constraints -e --editable -t --target --prefix --index --default-index -i --index-url
		--extra-index-url -f --find-links -p --python --index-strategy --keyring-provider -P --upgrade-package --resolution --prerelease
		--exclude-newer --exclude-newer-package --link-mode --reinstall-package --refresh-package --override --overrides --exclude --excludes -b --build-constraint
		--build-constraints --extra --group --only-group --no-group --no-extra --no-binary --only-binary --no-binary-package --no-build-package -C --config-setting --config-settings
		--config-setting-package --config-settings-package --no-build-isolation-package --python-version --python-platform --torch-backend --cache-dir
		--directory --project --config-file --allow-insecure-host --trusted-host --color --env-file --with --with-requirements --with-editable --package
		--from --no-install-package --script -o --output-file --format --no-sources-package --fork-strategy --branch --tag --rev -m --marker --bounds -w`,
	)
	condaValues = options(
		condaFlags,
		`--log-level --retry-clean-cache --root-prefix -n --name -p --prefix -c --channel -f --file --solver --experimental-solver -r --root-prefix --repodata-fn --rc-file --platform --subdir
		--revision --clone --category --channel-priority --relocate-prefix --extra-safety-checks --cacert-path`,
	)
	pipxValues = options(pipxFlags,
		`--backend --python --pip-args -i --index-url --suffix --spec --preinstall --include-deps-of --fetch-missing-python-opt`)
	poetryValues = set(
		`-C --directory -P --project --with --without --only -E --extras -G --group --python --source --platform -f --format -o --output`,
	)
	pdmValues    = set(`-p --project -G --group --with --without -L --lockfile -c --config --venv -k`)
	pipenvValues = set(`-r --requirements --python --categories -i --index --extra-pip-args --pypi-mirror -e --editable`)
	pythonValues = set("-W -X -Q")
)

// Options that take none. What is in neither list may take one: the word behind it
// is then not known to be a name.
const (
	pipFlags = `--user --no-user --upgrade --no-deps --pre --quiet --verbose --no-cache-dir --no-index --require-hashes --force-reinstall --ignore-installed --no-build-isolation
		--use-pep517 --no-use-pep517 --check-build-dependencies --break-system-packages --compile --no-compile --no-warn-script-location --no-warn-conflicts --prefer-binary
		--no-clean --disable-pip-version-check --no-python-version-warning --isolated --require-virtualenv --no-input --no-color --debug --dry-run --ignore-requires-python
		--help --version --yes --egg --no-dependencies --process-dependency-links --allow-unverified --no-verify --use-wheel --no-use-wheel --all-releases --only-final`
	uvFlags = `--system --no-system --break-system-packages --no-break-system-packages --no-cache --no-cache-dir --quiet --verbose --upgrade --reinstall --force-reinstall --no-deps --no-dependencies
		--no-index --pre --require-hashes --no-require-hashes --verify-hashes --no-verify-hashes --compile-bytecode --compile --no-compile-bytecode --no-compile --no-build-isolation --build-isolation
		--no-build --build --locked --frozen --no-locked --no-frozen --no-dev --dev --only-dev --all-extras --no-install-project --no-install-workspace --no-install-local --no-editable --inexact --exact --all-groups
		--no-default-groups --all-packages --active --no-active --offline --no-offline --no-progress --no-config --no-env-file --native-tls --no-native-tls --system-certs --managed-python --no-managed-python
		--no-python-downloads --no-sources --refresh --no-refresh --strict --no-strict --user --dry-run --isolated --force --preview --no-preview --show-settings --no-color --help --version --yes
		--no-upgrade --no-reinstall --no-annotate --no-header --generate-hashes --no-generate-hashes --universal --no-universal --no-emit-project --no-hashes --hashes --no-emit-workspace --no-emit-local
		--disable-pip-version-check --no-build-logs --no-sync --no-project --prefer-binary --unmanaged --all --require-virtualenv --raw-sources --workspace --no-workspace --lfs --no-lfs --editable --no-warn-script-location`
	condaFlags = `--yes --quiet --verbose --json --dry-run --no-deps --only-deps --freeze-installed --no-update-deps --update-deps --update-all --all --force-reinstall --no-pin --copy --always-copy
		--mkdir --offline --insecure --no-channel-priority --override-channels --use-local --use-index-cache --strict-channel-priority --flexible-channel-priority --no-default-packages --download-only --show-channel-urls
		--no-show-channel-urls --no-capture-output --live-stream --prune --force --no-builds --from-history --no-rc --no-env --no-shortcuts --allow-uninstall --no-allow-uninstall --allow-downgrade
		--no-allow-downgrade --no-py-pin --py-pin --pyc --no-pyc --satisfied-skip-solve --clobber --experimental --update-specs --dev --debug --unknown --help --always-softlink --always-link --lock-timeout --relocate --ssl-verify --no-ssl-verify`
	pipxFlags = `--force --quiet --verbose --global --editable --system-site-packages --include-deps --fetch-missing-python --help --no-cache --path --pypackages --include-injected --with-apps --with-suffix --skip-maintenance`
)

// options is the table of a manager: the options that take a value by name, those
// that take none with "!" behind it, and "known", as it has all of them.
func options(flags, values string) map[string]bool {
	m := set(values)
	for f := range strings.FieldsSeq(flags) {
		m[f+"!"] = true
	}
	m["known"] = true
	return m
}

var (
	rePip    = regexp.MustCompile(`^pip\d*(\.\d+)?$`)
	rePython = regexp.MustCompile(`^(python|pypy)\d*(\.\d+)*t?$`)
)

// pythonic reads pip, what is spelled like it, and the managers of projects.
func pythonic(name string, c *shell.Command) *Step {
	words := c.Words[1:]
	switch {
	case rePip.MatchString(name):
		return pip(words, c, environment(c.Words[0].Text))
	case rePython.MatchString(name):
		for i, w := range words {
			if !w.Known || !strings.HasPrefix(w.Text, "-") {
				return nil
			}
			module, rest := "", words[i+1:]
			if w.Text == "-m" && len(rest) > 0 {
				module, rest = rest[0].Text, rest[1:]
			} else if strings.HasPrefix(w.Text, "-m") {
				module = w.Text[2:]
			} else if w.Text == "-c" {
				return nil
			}
			switch module {
			case "":
			case "pip":
				return pip(rest, c, environment(c.Words[0].Text))
			case "uv", "pipx", "poetry", "pipenv", "pdm", "easy_install":
				return project(module, rest, c)
			default:
				return nil
			}
			if pythonValues[w.Text] && len(rest) > 0 { // its value stands next
				return pythonicAfter(rest[1:], c)
			}
		}
	case name == "uvx",
		strings.HasPrefix(name, "easy_install"),
		name == "uv",
		name == "pipx",
		name == "poetry",
		name == "pipenv",
		name == "pdm",
		name == "pixi":
		return project(name, words, c)
	case name == "conda", name == "mamba", name == "micromamba":
		return conda(name, words, c)
	case name == "pip-sync":
		a := parse(words, pipValues)
		s := &Step{Kind: Python, Manager: "pip-sync", Verb: "sync"}
		s.Pip.Requirements = append(first(a), a.operands...)
		return s
	}
	return nil
}

// pythonicAfter goes on behind an option of python that took a value.
func pythonicAfter(rest []shell.Word, c *shell.Command) *Step {
	inner := *c
	inner.Words = append([]shell.Word{c.Words[0]}, rest...)
	return pythonic(c.Name(), &inner)
}

// first gives the operand that was taken for a verb back.
func first(a args) []shell.Word {
	if a.verb == "" {
		return nil
	}
	return []shell.Word{{Text: a.verb, Known: true}}
}

// environment is the prefix that an interpreter or pip called by path works
// on; "" where it is called by name.
func environment(p string) string {
	if dir := path.Dir(p); path.Base(dir) == "bin" {
		return path.Dir(dir)
	}
	return ""
}

func pip(words []shell.Word, c *shell.Command, env string) *Step {
	a := parse(words, pipValues)
	s := &Step{Kind: Python, Manager: "pip", Verb: a.verb, Names: a.operands}
	switch a.verb {
	case "install", "wheel":
		s.pip(a, c, "PIP_")
		if s.Pip.Python = env; a.has("--python") {
			v, _ := a.value("--python")
			s.Pip.Python = v.Text
		}
	case "uninstall":
		s.Remove = true
	default:
		return nil
	}
	return s
}

// afterOperand is what follows the word.
func afterOperand(words []shell.Word, word string) []shell.Word {
	i := slices.IndexFunc(words, func(w shell.Word) bool { return w.Text == word })
	return words[i+1:]
}

// pip sets what pip install and uv pip install have in common.
func (s *Step) pip(a args, c *shell.Command, env string) {
	s.Pip = Pip{
		Requirements:  a.values("-r", "--requirement", "--requirements"),
		Constraints:   a.values("-c", "--constraint", "--constraints"),
		Editables:     a.values("-e", "--editable"),
		FindLinks:     a.values("-f", "--find-links"),
		NoIndex:       a.has("--no-index"),
		NoDeps:        a.has("--no-deps", "--no-dependencies"),
		RequireHashes: a.has("--require-hashes"),
		Upgrade:       a.has("-U", "--upgrade"),
	}
	if v, ok := c.Lookup(env + "CONSTRAINT"); ok && v != "" {
		for w := range strings.FieldsSeq(v) {
			s.Pip.Constraints = append(s.Pip.Constraints, shell.Word{Text: w, Known: true, Line: c.Line})
		}
	}
	if v, ok := c.Lookup(env + "REQUIREMENT"); ok && env == "PIP_" { // pip alone: every option is a variable
		for w := range strings.FieldsSeq(v) {
			s.Pip.Requirements = append(s.Pip.Requirements, shell.Word{Text: w, Known: true, Line: c.Line})
		}
	}
	if v, ok := c.Lookup(env + "FIND_LINKS"); ok {
		for w := range strings.FieldsSeq(v) {
			s.Pip.FindLinks = append(s.Pip.FindLinks, shell.Word{Text: w, Known: true, Line: c.Line})
		}
	}
	on := func(name string) bool {
		v, ok := c.Lookup(env + name)
		return ok && v != "" && v != "0" && !strings.EqualFold(v, "false") && !strings.EqualFold(v, "no")
	}
	s.Pip.NoIndex = s.Pip.NoIndex || on("NO_INDEX")
	s.Pip.RequireHashes = s.Pip.RequireHashes || on("REQUIRE_HASHES")
	s.Pip.NoDeps = s.Pip.NoDeps || on("NO_DEPS")
}

// project reads the managers whose first operand is a verb.
func project(name string, words []shell.Word, c *shell.Command) *Step {
	switch {
	case name == "uv":
		return uv(words, c)
	case name == "uvx":
		return uvx(words)
	case strings.HasPrefix(name, "easy_install"):
		a := parse(words,
			set("-i --index-url -f --find-links -d --install-dir -s --script-dir -b --build-directory -H --allow-hosts"))
		return &Step{Kind: Python, Manager: "easy_install", Verb: "install", Names: append(first(a), a.operands...)}
	case name == "pipx":
		a := parse(words, pipxValues)
		s := &Step{Kind: Python, Manager: "pipx", Verb: a.verb, Names: a.operands}
		switch a.verb {
		case "install":
			if spec, ok := a.value("--spec"); ok {
				s.Names = []shell.Word{spec}
			}
		case "inject":
			if len(s.Names) > 0 {
				s.Names = s.Names[1:] // the environment
			}
		case "run":
			s.Names = a.operands[:min(1, len(a.operands))]
		case "uninstall":
			s.Remove = true
		default:
			return nil
		}
		return s
	}
	values := map[string]map[string]bool{"poetry": poetryValues, "pdm": pdmValues, "pipenv": pipenvValues, "pixi": set("--manifest-path -e --environment --frozen-except")}[name]
	a := parse(words, values)
	s := &Step{Kind: Project, Manager: name, Verb: a.verb, Names: a.operands}
	switch a.verb {
	case "install", "sync", "add", "update":
	default:
		return nil
	}
	if name == "pipenv" {
		s.Pip.Requirements = a.values("-r", "--requirements")
	}
	return s
}

func uv(words []shell.Word, c *shell.Command) *Step {
	a := parse(words, uvValues)
	switch a.verb {
	case "pip":
		sub := a.sub()
		s := &Step{Kind: Python, Manager: "uv pip", Verb: sub, Names: a.operands}
		switch sub {
		case "install":
			s.pip(a, c, "UV_")
		case "sync":
			s.pip(a, c, "UV_")
			s.Pip.Requirements, s.Names = a.operands, nil
		case "uninstall":
			s.Remove = true
		default:
			return nil
		}
		if v, ok := a.value("-p", "--python"); ok {
			s.Pip.Python = v.Text
		}
		return s
	case "tool":
		switch sub := a.sub(); sub {
		case "install":
			s := &Step{Kind: Python, Manager: "uv tool", Verb: sub, Names: append(a.operands, a.values("--with")...)}
			if from, ok := a.value("--from"); ok && len(a.operands) > 0 {
				s.Names = append([]shell.Word{from}, s.Names[1:]...)
			}
			return s
		case "run":
			return uvx(afterOperand(words, "run"))
		}
	case "sync", "add", "run":
		if a.verb == "run" && !a.has("--with") {
			return nil
		}
		s := &Step{Kind: Project, Manager: "uv", Verb: a.verb, Names: a.operands}
		if a.verb == "run" {
			return &Step{Kind: Python, Manager: "uv run", Verb: "run", Names: a.values("--with")}
		}
		return s
	}
	return nil
}

// uvx reads uvx and uv tool run: the tool, and what --with adds.
func uvx(words []shell.Word) *Step {
	n := 0 // the tool's own arguments stand behind its name
	for ; n < len(words); n++ {
		if text := words[n].Text; !strings.HasPrefix(text, "-") {
			n++
			break
		} else if uvValues[text] {
			n++
		}
	}
	a := parse(words[:min(n, len(words))], uvValues)
	s := &Step{Kind: Python, Manager: "uvx", Verb: "run", Names: first(a)}
	if from, ok := a.value("--from"); ok {
		s.Names = []shell.Word{from}
	}
	s.Names = append(s.Names, a.values("--with")...)
	if len(s.Names) == 0 {
		return nil
	}
	for i := range s.Names { // uvx ruff@0.6.0 is ruff==0.6.0
		if name, version, ok := strings.Cut(s.Names[i].Text, "@"); ok && version != "latest" &&
			!strings.ContainsAny(version, ":/ ") {
			s.Names[i].Text = name + "==" + version
		} else if ok && version == "latest" {
			s.Names[i].Text = name
		}
	}
	return s
}

func conda(name string, words []shell.Word, c *shell.Command) *Step {
	a := parse(words, condaValues)
	verb := a.verb
	if verb == "run" { // conda run -n env pip install ...
		inner := *c
		for i, w := range words {
			if rePip.MatchString(path.Base(w.Text)) || rePython.MatchString(path.Base(w.Text)) {
				inner.Words = words[i:]
				return pythonic(inner.Name(), &inner)
			}
		}
		return nil
	}
	if verb == "env" {
		verb = "env " + a.sub()
	}
	s := &Step{Kind: Conda, Manager: name, Verb: verb, Names: a.operands}
	switch verb {
	case "install", "create", "update", "upgrade", "env create", "env update":
		s.Pip.Requirements = a.values("-f", "--file")
		if strings.HasPrefix(verb, "env") {
			s.Names = nil
		}
		if a.has("--all") && verb == "update" {
			s.Names = nil
		}
	case "remove", "uninstall":
		s.Remove, s.Auto = true, true
	default:
		return nil
	}
	return s
}
