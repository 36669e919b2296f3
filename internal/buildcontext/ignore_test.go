package buildcontext

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/moby/patternmatcher"
)

// TestIgnoreWork: patterns that are dear to match end, and say so.
func TestIgnoreWork(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the whole of a budget")
	}
	files := fstest.MapFS{}
	var names []string
	for i := range 3000 {
		name := fmt.Sprintf("%s/f%d", strings.Repeat("a/", 20), i)
		name = strings.ReplaceAll(name, "//", "/")
		files[name] = &fstest.MapFile{}
		names = append(names, name)
	}
	for what, pattern := range map[string]string{"directories": strings.Repeat("**/", 60) + "x%d*y*", "stars": strings.Repeat("*a", 40) + "%d"} {
		var patterns []string
		for i := range 1200 {
			patterns = append(patterns, fmt.Sprintf(pattern, i))
		}
		start := time.Now()
		ignored, err := ignore(files, patterns)
		if err != nil {
			t.Fatal(err)
		}
		last := error(nil)
		for _, n := range names {
			if f, err := ignored.Open(n); err == nil {
				f.Close()
			} else {
				last = err
			}
		}
		if what == "stars" && !errors.As(last, new(WorkError)) {
			t.Errorf("%s: %v, want the limit to be named", what, last)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v", what, d)
		}
	}
}

// TestIgnoreSame: what is kept of directories changes nothing of what the
// patterns say, in any order of asking.
func TestIgnoreSame(t *testing.T) {
	files := fstest.MapFS{}
	var names []string
	for _, a := range []string{"a", "b", "c.txt"} {
		for _, b := range []string{"a", "b", "c.txt", "d"} {
			for _, c := range []string{"x.txt", "y.py", "a"} {
				names = append(names, a+"/"+b+"/"+c)
				files[a+"/"+b+"/"+c] = &fstest.MapFile{}
			}
		}
	}
	pieces := []string{"a", "b", "*", "**", "*.txt", "c.txt", "d", "x.*", "?"}
	for range 500 {
		var patterns []string
		for range 1 + rand.N(5) {
			p := ""
			for range 1 + rand.N(3) {
				p += "/" + pieces[rand.N(len(pieces))]
			}
			p = p[1:]
			if rand.N(3) == 0 {
				p = "!" + p
			}
			patterns = append(patterns, p)
		}
		plain, err := patternmatcher.New(append([]string(nil), patterns...))
		if err != nil {
			t.Fatal(err)
		}
		ignored, err := ignore(files, append([]string(nil), patterns...))
		if err != nil {
			t.Fatal(err)
		}
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, n := range names {
			want := false // as BuildKit's walk does it (tonistiigi/fsutil, filter.go)
			var info patternmatcher.MatchInfo
			for end := range len(n) + 1 {
				if end == len(n) || n[end] == '/' {
					if want, info, err = plain.MatchesUsingParentResults(n[:end], info); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := fs.Stat(ignored, n); (err != nil) != want {
				t.Fatalf("%q of %q: %v, want it left out: %v", n, patterns, err, want)
			}
		}
	}
}
