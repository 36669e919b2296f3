// Package attacks holds only tests: what a hostile pull request, registry or
// image does to the program, each with its exit status, under ten seconds and
// under 300 MB by the process's own figures. SECURITY.md says what is promised.
package attacks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// canary stands for what must not be shown: a token of the runner's environment,
// a file outside of the checkout, a password.
const canary = "CANARY-d41d8cd98f00"

// What an attack may take.
const (
	mostTime   = 10 * time.Second
	mostMemory = 300_000 // kB
)

var program string

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "launch" {
		launch(os.Args[2:])
		return
	}
	if os.Getenv("TARE_ATTACKS") == "" {
		fmt.Println("skipped: the attacks take minutes; TARE_ATTACKS=1 runs them, as .ci/run does")
		return
	}
	dir, err := os.MkdirTemp("", "tare-attacks-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "tare")
	build := exec.Command("go", "build", "-o", program, "github.com/tareweight/tare/cmd/tare")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	m.Run()
}

// An attack is a directory, what is done with it, and what must come of it.
type attack struct {
	make   func(t *testing.T, dir string) (args []string)
	status []int    // one of them
	want   []string // in what is printed
	not    []string // besides the canary
	env    []string
	warm   bool // it is run once before, not measured, so that the cache is warm
	first  []string
}

// outcome is what a run of the program came to.
type outcome struct {
	status int
	text   string // of standard output and error
	took   time.Duration
	memory int64 // kB, the peak
}

func run(t *testing.T, dir string, env []string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	figures, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer figures.Close()
	cmd := exec.CommandContext(ctx, os.Args[0], append([]string{"launch", program}, args...)...)
	cmd.ExtraFiles, cmd.WaitDelay = []*os.File{figures}, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the program dies with who launched it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"TOKEN=" + canary, "XDG_CACHE_HOME=" + filepath.Join(filepath.Dir(dir), "cache"), "HOME=" + filepath.Join(filepath.Dir(dir), "home")}, env...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	o := outcome{text: out.String()}
	if _, err := figures.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscan(figures, &o.status, &o.took, &o.memory); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	return o
}

// launch runs a command and writes its figures to the fourth file that is open.
// It is a process of its own because the peak memory of a process begins with
// that of the one that starts it, and the tests hold large files.
func launch(args []string) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	start := time.Now()
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		panic(err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Fprintln(os.NewFile(3, "figures"), cmd.ProcessState.ExitCode(), int64(time.Since(start)), usage.Maxrss)
}

func try(t *testing.T, attacks map[string]attack) {
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "checkout")
			mkdir(t, filepath.Join(dir, ".git"))
			args := a.make(t, dir)
			if a.first != nil {
				run(t, dir, a.env, a.first...)
			} else if a.warm {
				run(t, dir, a.env, args...)
			}
			o := run(t, dir, a.env, args...)
			t.Logf("status %d, %.1f s, %d MB: %.300s", o.status, o.took.Seconds(), o.memory/1000, o.text)
			ok := false
			for _, s := range a.status {
				ok = ok || o.status == s
			}
			if !ok {
				t.Errorf("status %d, want one of %v", o.status, a.status)
			}
			if o.took > mostTime {
				t.Errorf("it takes %v", o.took)
			}
			if o.memory > mostMemory {
				t.Errorf("it takes %d kB", o.memory)
			}
			for _, w := range a.want {
				if !strings.Contains(o.text, w) {
					t.Errorf("%q is not said", w)
				}
			}
			for _, w := range append(a.not, canary) {
				if strings.Contains(o.text, w) {
					t.Errorf("%q is shown", w)
				}
			}
		})
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// write makes a file, with the directories above it.
func write(t *testing.T, name, text string) {
	t.Helper()
	mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// files makes files below dir, and returns args.
func files(list map[string]string, args ...string) func(*testing.T, string) []string {
	return func(t *testing.T, dir string) []string {
		for name, text := range list {
			name = filepath.Join(dir, name)
			mkdir(t, filepath.Dir(name))
			if to, ok := strings.CutPrefix(text, "-> "); ok {
				if err := os.Symlink(to, name); err != nil {
					t.Fatal(err)
				}
			} else if text == "pipe" {
				if err := syscall.Mkfifo(name, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if size, ok := strings.CutPrefix(text, "sparse "); ok {
				var n int64
				fmt.Sscan(size, &n)
				write(t, name, "")
				if err := os.Truncate(name, n); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, name, text)
			}
		}
		return args
	}
}
