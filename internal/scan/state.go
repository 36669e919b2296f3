package scan

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tareweight/tare/internal/report"
)

// A State keeps the result of each image that was judged, so that the next run goes on where this one
// ends, and judges no digest twice. It is plain files, one for each digest, below a directory that is named by
// the rules and the configuration that they were judged by; several processes may share it.
type State struct{ dir string }

// stateVersion is that of the files' form.
const stateVersion = "v1"

// OpenState returns the state in dir of images that are judged as basis says: all that a result depends
// on besides the image.
func OpenState(dir string, basis ...any) (*State, error) {
	text, err := json.Marshal(basis)
	if err != nil {
		return nil, err
	}
	return &State{filepath.Join(dir, stateVersion, fmt.Sprintf("%x", sha256.Sum256(text))[:16])}, nil
}

var reDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (s *State) file(digest string) string {
	return filepath.Join(s.dir, strings.TrimPrefix(digest, "sha256:")+".json")
}

// maxResult is how many bytes a result has at most.
const maxResult = 32 << 20

// Result returns what was found of a digest; nil if it was not judged so. A file that is damaged is as if
// it were not there.
func (s *State) Result(digest string) *report.Target {
	if s == nil || !reDigest.MatchString(digest) {
		return nil
	}
	f, err := os.Open(s.file(digest))
	if err != nil {
		return nil
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxResult))
	t := new(report.Target)
	if err != nil || json.Unmarshal(raw, t) != nil || t.Image == nil {
		return nil
	}
	return t
}

// Keep keeps what was found of a digest. The error is that of the disk: nothing else depends on it.
func (s *State) Keep(digest string, t *report.Target) error {
	if s == nil || !reDigest.MatchString(digest) {
		return nil
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(s.dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(raw); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.file(digest))
}
