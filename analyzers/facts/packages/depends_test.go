package packages

import (
	"slices"
	"strings"
	"testing"
)

func TestRelations(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"libc6 (>= 2.34), libuv1": "libc6 libuv1",
		"python3:any | python3-minimal (= 3.11), a [amd64] <!nocheck>": "python3 python3-minimal a",
		", ,x": "x",
	} {
		if got := strings.Join(slices.Concat(relations(text)...), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := strings.Join(constraints("so:libc.musl-x86_64.so.1 !uclibc busybox=1.36.1-r0 python3~3.12 .build>1 a@edge"), " "); got != "so:libc.musl-x86_64.so.1 busybox python3 .build a" {
		t.Error(got)
	}
}

// TestOrphans: what was installed for others alone goes with them, and stays where another needs it.
func TestOrphans(t *testing.T) {
	set := &Set{}
	add := func(name string, auto bool, depends string, provides ...string) {
		set.List = append(set.List, &Package{Type: Deb, Name: name, Auto: auto, depends: relations(depends), provides: provides})
	}
	add("base", false, "libc")
	add("libc", true, "")
	add("cmake", false, "cmake-data, libuv, shared, mail-agent")
	add("cmake-data", true, "libjson, loop")
	add("libjson", true, "libc")
	add("loop", true, "cmake-data") // needs who needs it
	add("libuv", true, "")
	add("vim", false, "shared | other")
	add("shared", true, "")
	add("exim", true, "", "mail-agent") // by another name
	add("stray", true, "")              // that nothing needed before: it goes with the next autoremove
	set.List = append(set.List, &Package{Type: PyPI, Name: "libuv"})
	names := func(gone ...string) string {
		var list []*Package
		for _, p := range set.List {
			if slices.Contains(gone, p.Name) && p.Type == Deb {
				list = append(list, p)
			}
		}
		var out []string
		for _, p := range set.Orphans(list) {
			out = append(out, p.Name)
		}
		return strings.Join(out, " ")
	}
	for gone, want := range map[string]string{
		"":           "",
		"cmake":      "cmake-data libjson loop libuv exim stray",
		"cmake vim":  "cmake-data libjson loop libuv shared exim stray",
		"cmake-data": "libjson loop stray",
	} {
		if got := names(strings.Fields(gone)...); got != want {
			t.Errorf("%q: got %q, want %q", gone, got, want)
		}
	}
}
