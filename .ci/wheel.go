//go:build ignore

// Wheel puts the program for this machine's platform into a Python wheel, so that "pip install tare" or "uvx tare" brings it
// (packaging.python.org, "Binary distribution format"). usage: go run .ci/wheel.go DIR VERSION
package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// tags are the platforms of wheels: the program is static, so that any Linux will do.
var tags = map[string]string{
	"linux/amd64": "manylinux2014_x86_64.musllinux_1_1_x86_64", "linux/arm64": "manylinux2014_aarch64.musllinux_1_1_aarch64",
	"darwin/amd64": "macosx_11_0_x86_64", "darwin/arm64": "macosx_11_0_arm64", "windows/amd64": "win_amd64",
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run .ci/wheel.go DIR VERSION")
		os.Exit(2)
	}
	if err := wheel(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "wheel:", err)
		os.Exit(1)
	}
}

func wheel(dir, version string) error {
	goos, goarch := or(os.Getenv("GOOS"), runtime.GOOS), or(os.Getenv("GOARCH"), runtime.GOARCH)
	tag, ok := tags[goos+"/"+goarch]
	if !ok {
		return fmt.Errorf("no wheel is known for %s/%s", goos, goarch)
	}
	program := "tare"
	if goos == "windows" {
		program += ".exe"
	}
	built := filepath.Join(dir, program)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", built, "./cmd/tare")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	defer os.Remove(built)
	data, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("tare-%s", version)
	out, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-py3-none-%s.whl", name, tag)))
	if err != nil {
		return err
	}
	defer out.Close()
	z := zip.NewWriter(out)
	var record strings.Builder
	add := func(file string, mode os.FileMode, data []byte) error {
		h := &zip.FileHeader{Name: file, Method: zip.Deflate}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", file, base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
		_, err = w.Write(data)
		return err
	}
	info := name + ".dist-info/"
	metadata := fmt.Sprintf(
		"Metadata-Version: 2.1\nName: tare\nVersion: %s\n"+
			"Summary: checks that a Python container image is as lean and as pinned as it should be\n"+
			"License: Apache-2.0\nProject-URL: Source, https://github.com/tareweight/tare\nDescription-Content-Type: text/markdown\n\n%s",
		version,
		readme,
	)
	for _, f := range []struct {
		name string
		mode os.FileMode
		data []byte
	}{
		{name + ".data/scripts/" + program, 0o755, data},
		{info + "METADATA", 0o644, []byte(metadata)},
		{info + "WHEEL", 0o644, []byte("Wheel-Version: 1.0\nGenerator: tare\nRoot-Is-Purelib: false\n" + wheelTags(tag))},
		{info + "licenses/LICENSE", 0o644, license},
	} {
		if err := add(f.name, f.mode, f.data); err != nil {
			return err
		}
	}
	record.WriteString(info + "RECORD,,\n")
	w, err := z.Create(info + "RECORD")
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(record.String())); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	fmt.Println(out.Name())
	return nil
}

// wheelTags are the lines of WHEEL: one for each platform of the name.
func wheelTags(tag string) (lines string) {
	for _, platform := range strings.Split(tag, ".") {
		lines += "Tag: py3-none-" + platform + "\n"
	}
	return lines
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
