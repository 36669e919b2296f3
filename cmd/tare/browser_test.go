package main

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/cli"
)

// TestTestbedBrowser opens the page of a report in a browser: the treemap is there, nothing is asked of a network and nothing is said on
// the console, a link to a box marks it, and it fits a wide and a narrow window, light and dark.
func TestTestbedBrowser(t *testing.T) {
	if os.Getenv("TARE_TESTBED") == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run sets it")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not there")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	var out, errs bytes.Buffer
	cli.Main([]string{"check", "../../testdata/demo", "-q", "-f", "html=" + page}, cli.Streams{Out: &out, Err: &errs}, analyzers.All...)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatalf("%v: %s", err, errs.Bytes())
	}
	browse := func(url string, args ...string) (stdout, stderr string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, chromium, append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + filepath.Join(dir, "profile"),
			"--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=1000",
		}, append(args, url)...)...)
		var o, e bytes.Buffer
		c.Stdout, c.Stderr = &o, &e
		if err := c.Run(); err != nil {
			t.Fatalf("%v: %s", err, e.Bytes())
		}
		return o.String(), e.String()
	}
	dom, said := browse("file://"+page, "--dump-dom")
	if n := strings.Count(dom, "<rect"); n < 5 || !strings.Contains(dom, `aria-label="what the image is made of, by size"`) {
		t.Errorf("%d boxes in the treemap", n)
	}
	if strings.Contains(said, "CONSOLE") || strings.Contains(said, "ERR_NAME_NOT_RESOLVED") {
		t.Errorf("the browser says %s", said)
	}
	box := regexp.MustCompile(`href="#(t\d+of\d+)"`).FindSubmatch(text)
	if box == nil {
		t.Fatal("no finding leads to its box")
	}
	shots := map[string][]byte{}
	for name, args := range map[string][]string{
		"plain": {"--window-size=1200,3000"}, "marked": {"--window-size=1200,3000"}, "narrow": {"--window-size=500,2400"},
		"dark": {"--window-size=1200,3000", "--blink-settings=preferredColorScheme=0"},
	} {
		url := "file://" + page
		if name == "marked" {
			url += "#" + string(box[1])
		}
		file := filepath.Join(dir, name+".png")
		browse(url, append(args, "--screenshot="+file)...)
		if shots[name], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		im, err := png.Decode(bytes.NewReader(shots[name]))
		if err != nil || im.Bounds().Dx() < 400 {
			t.Fatalf("%s: %v", name, err)
		}
		if keep := os.Getenv("TARE_SHOTS"); keep != "" { // to be looked at
			if err := os.WriteFile(filepath.Join(keep, name+".png"), shots[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, other := range []string{"marked", "dark"} {
		if bytes.Equal(shots["plain"], shots[other]) {
			t.Errorf("the page looks the same %s", other)
		}
	}
}
