package image

import (
	"fmt"
	"sync"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// A joiner merges layers, oldest first, while others are read: who has read one merges it, with those above
// it that were read before, unless somebody is at it.
type joiner struct {
	merge  *analysis.Merger
	layers []*analysis.Layer

	mu   sync.Mutex
	read []*cache.Index // by layer; nil where it is not read
	next int            // the first that is not merged
	busy bool           // somebody merges
}

// add takes over what was read of a layer. The error is a Merger's.
func (j *joiner) add(i int, x *cache.Index) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.read[i] = x
	for !j.busy && j.next < len(j.read) && j.read[j.next] != nil {
		l, x := j.layers[j.next], j.read[j.next]
		j.busy = true
		j.mu.Unlock()
		take(l, x)
		err := j.merge.Apply(l)
		j.mu.Lock()
		j.busy = false
		j.next++
		if err != nil {
			return err
		}
	}
	return nil
}

// take gives a layer what its index holds.
func take(l *analysis.Layer, x *cache.Index) {
	l.Files, l.Size.Unpacked, l.Listed = x.Files, x.Unpacked, x.Listed
	for _, f := range l.Files {
		f.Layer = l
		switch { // the layer may have been measured in another form of it
		case x.Packed == 0 || l.Size.Download == 0:
			f.Packed = 0
		case x.Packed != l.Size.Download:
			f.Packed = int64(float64(f.Packed) * float64(l.Size.Download) / float64(x.Packed))
		}
	}
}

// merging says which limit the merged view of an image went over.
func merging(err error, image string, limits source.Limits) error {
	switch err {
	case nil:
		return nil
	case analysis.ErrDirectories:
		err = &source.LimitError{
			What:  "entries of the image and directories above them",
			Limit: int64(limits.Entries),
			Flag:  "--max-entries",
		}
	case analysis.ErrPaths:
		err = &source.LimitError{What: err.Error(), Limit: limits.Keep, Flag: "--max-keep"}
	}
	return fmt.Errorf("merge the layers of %q: %w", image, err)
}
