package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// A progress is one line at a terminal that says how far a run is. It is gone when the run ends, and before anything else is
// written there.
type progress struct {
	what string       // "images", "targets"
	of   int          // how many there are
	read func() int64 // bytes that registries sent so far
	stop chan struct{}

	mu    sync.Mutex
	w     io.Writer // nil: nobody looks
	n     int
	all   int64  // bytes that are going to be read, as far as that is known
	name  string // of the last one that was finished
	shown bool
	start time.Time
}

// every is how often the line is written again.
const every = 200 * time.Millisecond

// isTerminal reports whether a person looks at w: colours that are asked for are no sign of it.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == "" && term.IsTerminal(int(f.Fd()))
}

// newProgress begins to show how far a run is, until end.
func newProgress(w io.Writer, what string, of int, read func() int64) *progress {
	if !isTerminal(w) {
		return &progress{what: what, of: of}
	}
	p := &progress{what: what, of: of, read: read, w: w, start: time.Now(), stop: make(chan struct{})}
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show(time.Now())
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// line is what is shown at a time.
func (p *progress) line(now time.Time) string {
	text := fmt.Sprintf("%d of %d %s", p.n, p.of, p.what)
	if n := p.read(); n > 0 {
		text += ", " + analysis.Bytes(n).String()
		if n < p.all {
			text += " of " + analysis.Bytes(p.all).String()
		}
		text += " read"
		if took := now.Sub(p.start).Seconds(); took >= 1 {
			rate := float64(n) / took
			text += fmt.Sprintf(", %s/s", analysis.Bytes(rate))
			if n < p.all {
				text += fmt.Sprintf(", %d s left", int64(float64(p.all-n)/rate)+1)
			}
		}
	}
	if p.name != "" {
		text += ": " + analysis.Clip(redact.Printable(p.name), 60)
	}
	return text
}

func (p *progress) show(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K"+p.line(now))
		p.shown = true
	}
}

// expect adds bytes that are going to be read.
func (p *progress) expect(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all += bytes
}

// step counts one that is finished.
func (p *progress) step(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	p.name = cmp.Or(name, "?")
}

// Write writes to the terminal, in the place of the line.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.w.Write(text)
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// over is what else is written to w while the line is shown.
func (p *progress) over(w io.Writer) io.Writer {
	if p.w == nil {
		return w
	}
	return p
}

// end takes the line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		p.clear()
		close(p.stop)
		p.w, p.read = nil, nil
	}
}
