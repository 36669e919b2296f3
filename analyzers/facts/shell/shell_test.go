package shell_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/internal/dockerfile"
)

// commands returns the commands of a Dockerfile's RUNs, each as "line: words",
// those that are not run in parentheses.
func commands(t testing.TB, src string) []string {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(src), dockerfile.Options{Platform: "linux/amd64", BuildPlatform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	target := &analysis.Target{Dockerfile: d}
	pass, err := target.NewPass(&analysis.Analyzer{Needs: analysis.Needs{Facts: []analysis.AnyFact{shell.Fact}}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range d.Stages {
		for _, inst := range s.Instructions {
			for _, c := range shell.Fact.Of(pass).Of(inst) {
				line := fmt.Sprintf("%d: %s", c.Line, c)
				if c.Dead {
					line = "(" + line + ")"
				}
				out = append(out, line)
			}
			if why := shell.Fact.Of(pass).Unread(inst); why != "" {
				out = append(out, "unread: "+why)
			}
		}
	}
	return out
}

func TestCommands(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"lines", "RUN a && \\\n  # comment\n  b; \\\n\n  c | d", "2: a|4: b|6: c|6: d"},
		{"exec form", `RUN ["pip", "install", "a b"]`, `2: pip install "a b"`},
		{"variables", "ARG A=1\nARG B\nENV C=$A-x\nRUN x=2; p $A $B $C $x ${A:-d} ${B:-d} ${B:+p} \"$x y\"", `5: p 1 ... 1-x 2 1 d "2 y"`},
		{"word splitting", "ENV P=\"a b\"\nRUN p $P \"$P\" x${P}y", `3: p a b "a b" xa by`},
		{"assignment before a command", "RUN A=1 p $A; p $A", `2: p ...|2: p ...`},
		{"export", "RUN export A=1 && p $A", "2: p 1"},
		{"substitution", "RUN p $(q) `r` $((1+1)) v$(q)", "2: q|2: r|2: q|2: p ... ... ... ..."},
		{"quotes", `RUN p 'a $b' "c\"d" e\ f`, `2: p "a $b" "c\"d" "e f"`},
		{"conditions", "ARG D=no\nRUN if [ \"$D\" = yes ]; then a; elif test -n \"$U\"; then b; else c; fi", "(3: a)|3: b|3: c"},
		{"and, or", "ARG D=no\nRUN [ $D = yes ] && a; [ $D = no ] || b; [ -z \"$U\" ] && c; true && d; false || e", "(3: a)|(3: b)|3: c|3: d|3: e"},
		{"bash test", "SHELL [\"/bin/bash\", \"-c\"]\nARG D=no\nRUN [[ $D == y* ]] && a; [[ $D != yes && -n $D ]] && b", "(4: a)|4: b"},
		{"case", "ARG TARGETARCH\nRUN case $TARGETARCH in amd64|x86_64) a ;; arm*) b ;; *) c ;; esac", "3: a|(3: b)|(3: c)"},
		{"a branch makes unknown what it assigns", "RUN A=1; if q; then A=2; fi; p $A", "2: q|2: p ..."},
		{"for", "RUN for x in a b; do p $x; q \"$x\"; done; for y in one; do r \"$y\"; done", "2: p a b|2: q a b|2: r one"},
		{"functions", "RUN f() { p \"$@\"; q $1; }; f a b", "2: p a b|2: q a"},
		{"a function and what follows", "RUN f() { p; } && f && q", "2: p|2: q"},
		{"arrays", "SHELL [\"bash\", \"-c\"]\nRUN x=(a b); x+=(c); p \"${x[@]}\"", "3: p a b c"},
		{"wrappers", "RUN sudo -E -u app env A=1 nice -n 5 p; exec q; timeout 5 r; command -v s; gosu u t", "2: p|2: q|2: r|2: command -v s|2: t"},
		{"case with a slash", "RUN case a/b in a/c) p;; *) q;; esac", "(2: p)|2: q"},
		{"xargs", "RUN cat r | xargs -n 1 p a; xargs -I{} q {} b", "2: cat r|2: p a ...|2: q ... b"},
		{"sh -c", "RUN sh -c 'a && b'; su app -c \"c\"; bash -lc 'd'", "2: a|2: b|2: c|2: d"},
		{"sh <<E", "RUN <<E cat && bash <<X\nbody\nE\na\nX", "2: cat|2: bash|5: a"},
		{"heredoc", "RUN <<E\nset -e\na\nE", "3: set -e|4: a"},
		{"heredoc with tabs", "RUN <<-E\n\ta\n\tE", "3: a"},
		{"shebang", "RUN <<E\n#!/usr/bin/env bash\na\nE\nRUN <<E\n#!/usr/bin/env python3\nb\nE", "4: a|unread: the script is python3's"},
		{"powershell", "SHELL [\"powershell\", \"-Command\"]\nRUN a", "unread: the script is powershell's"},
		{"no grammar", "RUN a (", "unread: "},
		{"subshells", "WORKDIR /w\nRUN (cd x && A=1; p $A); p $A", "3: cd x|3: p 1|3: p ..."},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(commands(t, "FROM scratch\n"+test.src+"\n"), "|")
			if got != test.want && !(strings.HasSuffix(test.want, " ") && strings.HasPrefix(got, test.want)) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func FuzzCommands(f *testing.F) {
	for _, s := range []string{"a && b", "f() { f; }; f", "sh -c 'sh -c \"a\"'", "x=$x$x$x; x=$x$x$x; p $x", "for i in a b; do for j in $i $i; do p $j; done; done", "case a in [) b;; esac", "<<E\na\nE", "eval \"$0\"; eval 'eval x'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, run string) {
		src := "FROM scratch\nARG A=1\nRUN " + run + "\n"
		d, err := dockerfile.Parse("Dockerfile", []byte(src), dockerfile.Options{})
		if err != nil || d.Target == nil {
			return
		}
		target := &analysis.Target{Dockerfile: d}
		pass, err := target.NewPass(&analysis.Analyzer{Needs: analysis.Needs{Facts: []analysis.AnyFact{shell.Fact}}}, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		last := strings.Count(src, "\n") + 1
		for _, inst := range d.Target.Instructions {
			for _, c := range shell.Fact.Of(pass).Of(inst) {
				if len(c.Words) == 0 || c.Line < inst.Line || c.Line > last {
					t.Errorf("command %q on line %d of %q", c, c.Line, src)
				}
			}
		}
	})
}
