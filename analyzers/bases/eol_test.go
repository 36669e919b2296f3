package bases

import (
	"testing"
	"time"
)

// TestEnded: what is said of releases changes at the end of one's support, and when that comes near.
func TestEnded(t *testing.T) {
	var e End
	for _, x := range ends {
		e = x
	}
	last := -1
	for _, day := range []time.Time{e.Date.Add(-Notice - 24*time.Hour), e.Date.Add(-Notice), e.Date.Add(24 * time.Hour)} {
		n := Ended(day)
		if n <= last {
			t.Errorf("%s at %v: %d after %d", e.What, day, n, last)
		}
		last = n
	}
}
