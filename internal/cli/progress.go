package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/image"
)

// A progress says at a terminal how far a run is: in one line, and, where one thing alone is judged, in a line for each layer that is
// being read. It is gone when the run ends, and before anything else is written there.
type progress struct {
	what string       // "images", "targets"
	of   int          // how many there are
	read func() int64 // bytes that registries sent so far
	stop chan struct{}

	width func() int // columns of the terminal

	mu     sync.Mutex
	w      io.Writer // nil: nobody looks
	n      int
	all    int64            // bytes that are going to be read, as far as that is known
	layers []*image.Reading // that are being read, in the order in which they were begun
	name   string           // of the last one that was finished
	shown  int              // lines
	start  time.Time
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
	p.width = func() int { return cmp.Or(columns(w), 80) }
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

// line is what is shown of the run at a time.
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

// maxShown is how many layers have a line.
const maxShown = 8

// lines are all that is shown at a time.
func (p *progress) lines(now time.Time) (lines []string) {
	lines = append(lines, p.line(now))
	if p.of > 1 {
		return lines
	}
	for _, l := range p.layers[:min(len(p.layers), maxShown)] {
		text := "  a layer: "
		if l.Index >= 0 {
			text = fmt.Sprintf("  layer %d: ", l.Index)
		}
		text += analysis.Bytes(l.Read()).String()
		if l.Size > 0 {
			text += fmt.Sprintf(" of %s, %d %%", analysis.Bytes(l.Size), 100*l.Read()/l.Size)
		}
		if made := cmp.Or(analysis.Made(redact.History(l.CreatedBy)), l.Digest); made != "" {
			text += ": " + redact.Printable(made)
		}
		lines = append(lines, text)
	}
	return lines
}

func (p *progress) show(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		return
	}
	width := max(p.width(), 20) - 1 // a line that is wrapped could not be taken back
	lines := p.lines(now)
	for i := range lines {
		lines[i] = analysis.Clip(lines[i], width)
	}
	fmt.Fprint(p.w, p.back()+strings.Join(lines, "\n"))
	p.shown = len(lines)
}

// back leads to where the first line begins, and takes away what is there.
func (p *progress) back() string {
	if p.shown < 2 {
		return "\r\x1b[J"
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", p.shown-1)
}

// reading shows a layer until what is returned is called.
func (p *progress) reading(l *image.Reading) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.layers = append(p.layers, l)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.layers = slices.DeleteFunc(p.layers, func(x *image.Reading) bool { return x == l })
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
	if p.shown > 0 {
		fmt.Fprint(p.w, p.back())
		p.shown = 0
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
