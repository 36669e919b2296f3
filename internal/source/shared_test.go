package source

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	server "github.com/google/go-containerregistry/pkg/registry"
)

// TestSharedSize: an index that is too large is neither put into a shared cache nor taken from it, and one of another size
// is taken as it was put.
func TestSharedSize(t *testing.T) {
	h := httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0))))
	defer h.Close()
	s, err := OpenShared(t.Context(), strings.TrimPrefix(h.URL, "http://")+"/indexes", Options{})
	if err != nil {
		t.Fatal(err)
	}
	large, fits := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	s.Put(large, []byte("0123456789"))
	s.Put(fits, []byte("0123456"))
	s.most = 7
	if got := s.Get(large); got != nil {
		t.Errorf("%q is taken", got)
	}
	if got := s.Get(fits); string(got) != "0123456" {
		t.Errorf("got %q", got)
	}
	given := s.Given.Load()
	if s.Put(large, []byte("01234567")); s.Given.Load() != given || s.Lost() {
		t.Error("it is put there")
	}
}
