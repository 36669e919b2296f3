package image

import "sync/atomic"

// A Reading is one layer that is being read, every byte of it: what a person who waits may want to see.
type Reading struct {
	Index     int    // of the layer in its image; -1 where a stream does not tell it before its end
	CreatedBy string // the history's entry of it, which may hold secrets; "" if there is none
	Digest    string // of the stored bytes, or of the uncompressed ones; "" where neither is known yet
	Size      int64  // stored bytes; -1 where the source does not tell

	read atomic.Int64
}

// Read is how many of its stored bytes were read so far.
func (r *Reading) Read() int64 { return r.read.Load() }
