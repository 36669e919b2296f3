package report

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/tareweight/tare/analyzers/redact"
)

// JSON writes the document itself.
func JSON(w io.Writer, d *Document, _ Options) error {
	return Encode(w, d)
}

// Encode writes v as JSON, indented, whose strings a terminal or a CI runner may print.
func Encode(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(redact.JSON(b.Bytes()))
	return err
}
