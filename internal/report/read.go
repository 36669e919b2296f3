package report

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tareweight/tare/internal/checkout"
)

// MaxSize is how many bytes a stored report may have.
const MaxSize = 64 << 20

// Read reads a JSON report. The error says what the file is instead.
func Read(path string) (*Document, error) {
	root, err := checkout.Find(path)
	if err != nil {
		return nil, fmt.Errorf("read report %q: %w", path, err)
	}
	defer root.Close()
	text, err := root.ReadFile(path, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("read report %q: %w", path, err)
	}
	return Parse(path, text)
}

// Parse reads the text of a JSON report; name is for the error.
func Parse(name string, text []byte) (*Document, error) {
	d := new(Document)
	if err := json.Unmarshal(text, d); err != nil || d.Tool.Name == "" {
		return nil, fmt.Errorf("read report %q: it is no JSON report of Tare: tare check -f json=FILE writes one", name)
	}
	if len(d.Targets) == 0 && bytes.Contains(text, []byte(`"listed":`)) {
		return nil, fmt.Errorf("read report %q: it compares two images (tare diff): want one of tare check", name)
	}
	if d.Version != Version {
		return nil, fmt.Errorf("read report %q: it is of version %d, and this is version %d: write it anew", name, d.Version, Version)
	}
	if err := d.valid(); err != nil {
		return nil, fmt.Errorf("read report %q: %w", name, err)
	}
	return d, nil
}
