package cache_test

import (
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
)

// TestListed: what a table of contents tells is kept for that layer with that table and that diffID, and apart from what
// was read.
func TestListed(t *testing.T) {
	c, err := cache.Open(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	hex := func(s string) string { return "sha256:" + strings.Repeat(s, 64) }
	id := cache.Listing{Digest: hex("a"), Table: hex("b"), DiffID: hex("c"), Stored: 7}
	x := &cache.Index{DiffID: hex("c"), Listed: true, Files: []*analysis.File{{Path: "f", Kind: analysis.KindUnknown}}, Cost: cache.Cost{Entries: 1, Kept: 1}}
	c.PutListed(id, x)
	got, err := c.Listed(id, nil, func(x *cache.Index) error { return nil })
	if err != nil || got == nil || !got.Listed || len(got.Files) != 1 || got.Files[0].Kind != analysis.KindUnknown || got.Cost.Stored != 7 {
		t.Fatalf("%+v, %v", got, err)
	}
	if whole, err := c.Get(hex("a"), nil, nil); whole != nil || err != nil || c.Has(hex("a")) || c.IndexBytes(hex("c")) != 0 {
		t.Errorf("it passes for a layer that was read: %+v, %v", whole, err)
	}
	if other, err := c.Listed(id, []analysis.Want{{Glob: "f", Max: 1}}, nil); other != nil || err != nil {
		t.Errorf("for other wants: %+v, %v", other, err)
	}
	for _, id := range []cache.Listing{
		{hex("a"), hex("d"), hex("c"), 7}, {hex("d"), hex("b"), hex("c"), 7}, {"../../x", hex("b"), hex("c"), 7}, {hex("a"), hex("b"), hex("d"), 7},
	} {
		if other, err := c.Listed(id, nil, nil); other != nil || err != nil {
			t.Errorf("another layer, %+v: %+v, %v", id, other, err)
		}
	}
	var none *cache.Cache
	none.PutListed(id, x)
	if got, err := none.Listed(id, nil, nil); got != nil || err != nil {
		t.Errorf("no cache: %+v, %v", got, err)
	}
}
