package source_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tareweight/tare/internal/source"
)

// TestTags: all pages of a list, sorted; a link that leads elsewhere, or in a circle, is an error.
func TestTags(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	asked := 0
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		repo, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v2/"), "/tags/list")
		if !ok {
			return false
		}
		asked++
		last := r.URL.Query().Get("last")
		switch {
		case repo == "many" && last == "":
			w.Header().Set("Link", `</v2/many/tags/list?n=2&last=b>; rel="next"`)
			fmt.Fprint(w, `{"name":"many","tags":["c","b"]}`)
		case repo == "many":
			fmt.Fprint(w, `{"name":"many","tags":["a","b"]}`)
		case repo == "elsewhere":
			w.Header().Set("Link", fmt.Sprintf(`<%s/v2/x/tags/list>; rel="next"`, other.URL))
			fmt.Fprint(w, `{"tags":["a"]}`)
		case repo == "circle":
			w.Header().Set("Link", fmt.Sprintf("<%s>; rel=next", r.URL))
			fmt.Fprint(w, `{"tags":["a"]}`)
		case repo == "endless":
			w.Header().Set("Link", fmt.Sprintf("</v2/endless/tags/list?last=%d>; rel=next", asked))
			fmt.Fprint(w, `{"tags":[]}`)
		case repo == "none":
			fmt.Fprint(w, `{"name":"none","tags":null}`)
		case repo == "text":
			fmt.Fprint(w, "<html>")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		return true
	})
	for repo, want := range map[string]string{
		"many": "a b c", "none": "", "elsewhere": "another host", "circle": "the same one", "endless": "more than the limit of 1000 pages",
		"text": "does not answer with a list", "gone": "no such image",
	} {
		tags, err := source.Tags(context.Background(), host+"/"+repo, source.Options{})
		got := strings.Join(tags, " ")
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", repo, got, want)
		}
	}
	if elsewhere > 0 {
		t.Error("another host was asked")
	}
	if _, err := source.Tags(context.Background(), host+"/many", source.Options{Offline: true}); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("offline: %v", err)
	}
}
