package requirements

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decode turns the bytes of a file into text as pip does: by a byte order
// mark, by PEP 263's comment, else UTF-8.
func decode(b []byte) (string, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return decodeUTF8(b[3:])
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")):
		return decodeUTF32(b[4:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")):
		return decodeUTF32(b[4:], binary.BigEndian)
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return decodeUTF16(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return decodeUTF16(b[2:], binary.BigEndian)
	}
	switch name := strings.ReplaceAll(declared(b), "_", "-"); name {
	case "", "utf-8", "utf8", "u8", "utf-8-sig", "ascii", "us-ascii":
		return decodeUTF8(b)
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1", "cp1252", "windows-1252", "iso-8859-15":
		// one byte is one character; names and versions are ASCII in each of them
		var s strings.Builder
		for _, c := range b {
			s.WriteRune(rune(c))
		}
		return s.String(), nil
	default:
		return "", fmt.Errorf("unknown encoding %q", name)
	}
}

func decodeUTF8(b []byte) (string, error) {
	if !utf8.Valid(b) {
		line := 1
		for rest := b; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				break
			}
			if r == '\n' {
				line++
			}
			rest = rest[n:]
		}
		return "", fmt.Errorf("line %d is not UTF-8: save the file as UTF-8, or name its encoding in a first line %q", line,
			"# -*- coding: latin-1 -*-")
	}
	return string(b), nil
}

func decodeUTF16(b []byte, order binary.ByteOrder) (string, error) {
	if len(b)%2 != 0 {
		return "", fmt.Errorf("UTF-16 of an odd number of bytes")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units)), nil
}

func decodeUTF32(b []byte, order binary.ByteOrder) (string, error) {
	if len(b)%4 != 0 {
		return "", fmt.Errorf("UTF-32 of a number of bytes that is no multiple of 4")
	}
	var s strings.Builder
	for i := 0; i < len(b); i += 4 {
		s.WriteRune(rune(order.Uint32(b[i:])))
	}
	return s.String(), nil
}
