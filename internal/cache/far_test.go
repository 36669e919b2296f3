package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFar: what one machine kept is found by another; what is damaged, foreign or of another version is not
// kept, and does not replace what the machine has read itself.
func TestFar(t *testing.T) {
	open := func(far Far) *Cache {
		c, err := Open(t.TempDir(), DefaultLimit)
		if err != nil {
			t.Fatal(err)
		}
		c.Far = far
		return c
	}
	blob, diffID := "sha256:"+strings.Repeat("b", 64), "sha256:"+strings.Repeat("d", 64)
	x := sample()
	x.DiffID = diffID
	held := map[string][]byte{}
	here := open(Far{Put: func(digest string, data []byte) { held[digest] = data }})
	here.Put(blob, x)
	good := string(held[blob])

	asked := 0
	there := open(Far{Get: func(digest string) []byte { asked++; return held[digest] }})
	if got := get(there, blob); got == nil || got.DiffID != diffID || len(got.Files) != len(x.Files) {
		t.Fatalf("the other machine finds %+v", got)
	}
	if get(there, blob) == nil || asked != 1 {
		t.Errorf("asked %d times", asked)
	}

	for name, data := range map[string]string{
		"nothing":        "",
		"a line alone":   strings.SplitAfter(good, "\n")[0],
		"no digest":      strings.Replace(good, diffID, "../../etc/passwd", 1),
		"no index":       strings.SplitAfter(good, "\n")[0] + "<html>",
		"half an index":  good[:len(good)/2],
		"another's":      strings.Replace(good, diffID, "sha256:"+strings.Repeat("e", 64), 1),
		"another format": strings.Replace(good, magic, magic[:len(magic)-1]+"0", 1),
	} {
		c := open(Far{Get: func(string) []byte { return []byte(data) }})
		if got := get(c, blob); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}

	before, err := os.ReadFile(here.path("index", diffID))
	if err != nil {
		t.Fatal(err)
	}
	here.Far.Get = func(string) []byte {
		return fmt.Appendf(nil, "%s 1 1\n%sother", diffID, magic)
	}
	get(here, "sha256:"+strings.Repeat("c", 64))
	if after, err := os.ReadFile(here.path("index", diffID)); err != nil || string(after) != string(before) {
		t.Errorf("%s was replaced: %v", filepath.Base(here.path("index", diffID)), err)
	}
}
