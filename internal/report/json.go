package report

import (
	"encoding/json"
	"io"
)

// JSON writes the document itself.
func JSON(w io.Writer, d *Document, _ Options) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}
