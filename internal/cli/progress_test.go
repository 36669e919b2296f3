package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tareweight/tare/internal/image"
)

// TestProgress: one line that says how far a run is, gone before anything else is written and at the end.
func TestProgress(t *testing.T) {
	var screen bytes.Buffer
	read := int64(0)
	start := time.Now()
	p := &progress{
		what: "targets", of: 3, read: func() int64 { return read }, width: func() int { return 80 }, w: &screen, start: start, stop: make(chan struct{}),
	}
	p.reading(&image.Reading{Index: 1}) // of many targets the layers are not shown
	p.show(start)
	read = 120_000_000
	p.expect(300_000_000)
	p.show(start.Add(2 * time.Second))
	p.all = 0
	p.step("app\x1b[31m:1")
	p.show(start.Add(2 * time.Second))
	if _, err := p.over(os.Stderr).Write([]byte("a note\n")); err != nil {
		t.Fatal(err)
	}
	p.step("")
	p.show(start.Add(3 * time.Second))
	p.end()
	p.show(start)
	const clear = "\r\x1b[J"
	want := clear + "0 of 3 targets" + clear + "0 of 3 targets, 120 MB of 300 MB read, 60 MB/s, 4 s left" + clear + `1 of 3 targets, 120 MB read, 60 MB/s: app\u001b[31m:1` + clear + "a note\n" +
		clear + "2 of 3 targets, 120 MB read, 40 MB/s: ?" + clear
	if got := screen.String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// TestLayers: of one target each layer that is being read has a line, no wider than the terminal, and nothing of one is left when it ends.
func TestLayers(t *testing.T) {
	var screen bytes.Buffer
	start := time.Now()
	p := &progress{
		what: "targets", of: 1, read: func() int64 { return 0 }, width: func() int { return 61 }, w: &screen, start: start, stop: make(chan struct{}),
	}
	first := p.reading(&image.Reading{Index: 3, Size: 200, CreatedBy: "RUN |1 TOKEN=abc /bin/sh -c pip install \x1b[31mflask # buildkit"})
	second := p.reading(&image.Reading{Index: -1, Size: -1, Digest: "sha256:0123456789012345678901234567890123456789"})
	p.show(start)
	first()
	p.show(start)
	second()
	for range maxShown + 1 {
		p.reading(&image.Reading{Size: 100})
	}
	p.show(start)
	p.end()
	const main = "0 of 1 targets"
	layer := strings.Repeat("\n  layer 0: 0 B of 100 B, 0 %", maxShown)
	want := "\r\x1b[J" + main + "\n  layer 3: 0 B of 200 B, 0 %: RUN pip install \\u001b[31mf..." +
		"\n  a layer: 0 B: sha256:0123456789012345678901234567890123..." +
		"\r\x1b[2A\x1b[J" + main + "\n  a layer: 0 B: sha256:0123456789012345678901234567890123..." +
		"\r\x1b[1A\x1b[J" + main + layer + fmt.Sprintf("\r\x1b[%dA\x1b[J", maxShown)
	if got := screen.String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// TestTerminal: a person looks at a terminal, unless it is that of a CI job or a dumb one.
func TestTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be had: %v", err)
	}
	defer f.Close()
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	if !isTerminal(f) {
		t.Skip("what is opened is no terminal here")
	}
	for name, value := range map[string]string{"CI": "true", "TERM": "dumb"} {
		t.Run(name, func(t *testing.T) {
			if t.Setenv(name, value); isTerminal(f) {
				t.Errorf("%s=%s: somebody looks", name, value)
			}
		})
	}
}

// TestNoProgress: what is no terminal sees none of it, whatever colours are asked for.
func TestNoProgress(t *testing.T) {
	t.Setenv("FORCE_COLOR", "1")
	var out bytes.Buffer
	p := newProgress(&out, "images", 2, func() int64 { return 1 })
	p.step("a")
	p.show(time.Now())
	if p.over(&out) != &out {
		t.Error("what is written goes through it")
	}
	if p.end(); out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
