package source

import "io"

// What is read ahead of who reads a stream, at most: so many pieces of so many bytes.
const (
	aheadPieces = 16
	aheadPiece  = 256 << 10
)

// An ahead reads a stream while what came before is indexed: an engine that saves an image, and who
// reads it, wait for each other otherwise.
type ahead struct {
	full  chan piece
	empty chan []byte
	quit  chan struct{}
	now   piece
	rest  []byte
}

// A piece is bytes that were read, and the error behind them.
type piece struct {
	buf []byte
	n   int
	err error
}

func readAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan piece, aheadPieces), empty: make(chan []byte, aheadPieces), quit: make(chan struct{})}
	for range aheadPieces {
		a.empty <- nil
	}
	go func() {
		defer close(a.full)
		for {
			var buf []byte
			select {
			case buf = <-a.empty:
			case <-a.quit:
				return
			}
			if buf == nil {
				buf = make([]byte, aheadPiece)
			}
			n, err := io.ReadAtLeast(r, buf, 1)
			select {
			case a.full <- piece{buf, n, err}:
			case <-a.quit:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return a
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.buf != nil {
			a.empty <- a.now.buf
		}
		next, ok := <-a.full
		if !ok {
			return 0, io.EOF
		}
		a.now, a.rest = next, next.buf[:next.n]
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// stop ends reading ahead: it takes no more than what it waits for now.
func (a *ahead) stop() { close(a.quit) }
