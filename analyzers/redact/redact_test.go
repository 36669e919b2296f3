package redact_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/tareweight/tare/analyzers/redact"
)

func TestCredentials(t *testing.T) {
	for in, want := range map[string]string{
		// hidden
		"https://u:CANARY@host/x":                                      "https://xxxxx@host/x",
		"https://CANARY@host/x":                                        "https://xxxxx@host/x",
		"https://u:CA/NARY@host/x":                                     "https://xxxxx@host/x",
		"https://u:CA@NARY@host/x":                                     "https://xxxxx@host/x",
		"u:CANARY@host/x":                                              "xxxxx@host/x",
		"u:CA/NARY@host/x":                                             "xxxxx@host/x",
		`parse "u:CANARY@host/x": no`:                                  `parse "xxxxx@host/x": no`,
		"--image=u:CANARY@h/x and v:CANARY@h/y":                        "--image=xxxxx@h/x and xxxxx@h/y",
		"docker://u:CANARY@host/x":                                     "docker://xxxxx@host/x",
		"https://h/x?X-Amz-Signature=CANARY&a=b":                       "https://h/x?X-Amz-Signature=xxxxx&a=b",
		"Authorization: Basic Q0FOQVJZQ0FOQVJZ":                        "Authorization: Basic xxxxx",
		"git+https://tok:CANARY@github.com/a/b@0123456789abcdef":       "git+https://xxxxx@github.com/a/b@0123456789abcdef",
		"pip install git+https://user:token@h/r.git@v1":                "pip install git+https://xxxxx@h/r.git@v1",
		`Get "https://s3/b?X-Amz-Date=1&X-Amz-Signature=abc&x=1": EOF`: `Get "https://s3/b?X-Amz-Date=1&X-Amz-Signature=xxxxx&x=1": EOF`,
		"unexpected: Authorization: Bearer eyJhbGciOiJSUzI1NiIs":       "unexpected: Authorization: Bearer xxxxx",
		"basic authentication is refused; https://h/p?subdirectory=a":  "basic authentication is refused; https://h/p?subdirectory=a",
		// kept
		"python:3.11@sha256:0123456789abcdef":        "python:3.11@sha256:0123456789abcdef",
		"localhost:5000/a@sha256:0123456789abcdef":   "localhost:5000/a@sha256:0123456789abcdef",
		"https://host:8080/a@b":                      "https://host:8080/a@b",
		"git+https://github.com/a/b.git@main":        "git+https://github.com/a/b.git@main",
		"git@github.com:a/b.git":                     "git@github.com:a/b.git",
		"uses: github:owner/name@v1":                 "uses: github:owner/name@v1",
		"oci:dir@sha256:0123456789abcdef is there":   "oci:dir@sha256:0123456789abcdef is there",
		"pkg @ https://example.com/x.whl":            "pkg @ https://example.com/x.whl",
		"a@b, c: d":                                  "a@b, c: d",
		"https://[::1]:5000/x@sha256:0123456789abcd": "https://[::1]:5000/x@sha256:0123456789abcd",
	} {
		if got := redact.Credentials(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHistory(t *testing.T) {
	for in, want := range map[string]string{
		"RUN |2 A=CANARY B=c /bin/sh -c pip install x": "RUN /bin/sh -c pip install x",
		"|1 A=CANARY /bin/bash -o pipefail -c make":    "RUN /bin/bash -o pipefail -c make",
		"RUN |1 A=CANARY": "RUN",
		"RUN |2 A=x TOKEN=s3cret y /bin/sh -c pip install a # buildkit":         "RUN /bin/sh -c pip install a # buildkit",
		"|1 T=s /bin/bash -o pipefail -c make":                                  "RUN /bin/bash -o pipefail -c make",
		"RUN /bin/sh -c pip install -i https://user:token@example.com/simple a": "RUN /bin/sh -c pip install -i https://xxxxx@example.com/simple a",
		"COPY a b # buildkit": "COPY a b # buildkit",
		"RUN |1 URL=https://user:token@host/simple /bin/sh -c make": "RUN /bin/sh -c make",
		"|1 TOKEN=s/ecret /bin/sh -c make":                          "RUN /bin/sh -c make",
		"RUN |1 TOKEN=s/ecret pip install x":                        "RUN",
		"RUN pip install https://u:p@ss@host/x":                     "RUN pip install https://xxxxx@host/x",
		"RUN pip install -i https://u:CANARY@h/simple":              "RUN pip install -i https://xxxxx@h/simple",
	} {
		if got := redact.History(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// obeys reports whether a runner of GitHub's carries out a command of the line
// (actions/runner, ActionCommand.cs: "::" at the start, blanks left out, or
// "##[" anywhere), or a terminal does.
func obeys(line string) bool {
	return strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) })
}

func TestPrintable(t *testing.T) {
	for _, in := range []string{
		"::add-mask::x", "  ::error::x", "\u00a0::warning::x", "\t::debug::x", "a ##[command]b", "##[add-path]/x", "####[x]", "a\n::error::b", "\x1b]0;owned\a", "\u202egnp", "\x9b31m", "\xff::x", "\u2028::x", ":::x",
	} {
		if got := redact.Printable(in); obeys(got) {
			t.Errorf("%q: %q is obeyed", in, got)
		}
	}
	for in, want := range map[string]string{
		"a\x1b[2Jb": `a\u001b[2Jb`, "a\nb": "a b", "bad\xff": `bad\xff`, "\u202eevil": `\u202eevil`, " ::add-mask::x": ` \u003a:add-mask::x`, "a##[b": `a#\u0023[b`,
		"https://u:secret@h/": "https://xxxxx@h/", "a\tb\rc\x1b": `a b c\u001b`, "\ufffd": "\ufffd", "\ufffd\xffx": "\ufffd\\xffx",
	} {
		if got := redact.Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"a::b", "std::string x", "# [x]", "größe ä 漢字"} {
		if got := redact.Printable(in); got != in {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestJSON: what is escaped keeps its meaning, and nothing else is touched.
func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		"a": `a`, "##[x]": `\u0023#[x]`, "# [": `# [`, "#": `#`, "##": `##`, "\u007f": `\u007f`, "\u0080": `\u0080`, "\u009b31m": `\u009b31m`, "\u00a0": "\u00a0",
		"\u200f": `\u200f`, "\u2028": `\u2028`, "\u2029": `\u2029`, "\u202e": `\u202e`, "\ufeff": `\ufeff`, "größe 漢字 😀": "größe 漢字 😀", "\ufffd": "\ufffd",
		"\U000e0001": "\U000e0001",
	} {
		if got := string(redact.JSON([]byte(`"` + in + `"`))); got != `"`+want+`"` {
			t.Errorf("%q: %s, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("::x ##[y]\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		if got := redact.Printable(s); obeys(got) {
			t.Errorf("%q: %q is obeyed", s, got)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		safe := redact.JSON(text)
		var back, plain string
		if json.Unmarshal(safe, &back) != nil || json.Unmarshal(text, &plain) != nil || back != plain || obeys(strings.Map(noTags, string(safe))) {
			t.Errorf("%q: %s, want the same text, and nothing to obey", s, safe)
		}
	})
}

// noTags leaves out characters that only Unicode's later versions, or planes
// above the first, call unprintable: JSON keeps them.
func noTags(r rune) rune {
	if r > 0xffff || r >= 0x80 && !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}
