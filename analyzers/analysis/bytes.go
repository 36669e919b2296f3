package analysis

import (
	"fmt"
	"strconv"
	"strings"
)

// Bytes is an amount of bytes, written in settings and messages in human
// units: "300 MB", "1.2GB", "64MiB".
type Bytes int64

// Signed is String with a sign: "+40 MB", "-1.2 kB", "0 B".
func (b Bytes) Signed() string {
	if b > 0 {
		return "+" + b.String()
	}
	return b.String()
}

// String gives two or three digits and a decimal unit: "812 B", "9.6 kB",
// "312 MB", "1.4 GB".
func (b Bytes) String() string {
	v, sign := float64(b), ""
	if v < 0 {
		v, sign = -v, "-"
	}
	if v < 1000 {
		return fmt.Sprintf("%s%.0f B", sign, v)
	}
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if v /= 1000; v < 9.95 {
			return fmt.Sprintf("%s%.1f %s", sign, v, unit)
		} else if v < 999.5 || unit == "TB" {
			return fmt.Sprintf("%s%.0f %s", sign, v, unit)
		}
	}
	return ""
}

// About is String with two significant digits, for estimates.
func (b Bytes) About() string {
	v, unit := float64(b), int64(1)
	for v >= 100 || v <= -100 {
		v, unit = v/10, unit*10
	}
	return Bytes(int64(v+0.5) * unit).String()
}

var units = []struct {
	suffix string
	factor float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}, {"b", 1},
}

// ParseBytes reads what String writes, and binary units.
func ParseBytes(s string) (Bytes, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.suffix); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil || v < 0 || v*u.factor > 1<<62 {
				break
			}
			return Bytes(v * u.factor), nil
		}
	}
	return 0, fmt.Errorf("%q is no size: want a number and a unit, such as %q", s, "300 MB")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// An Allowance is how much something may grow, written in settings as a part of what it was, "5%",
// or as bytes, "20 MB". The zero Allowance is none that is set.
type Allowance struct {
	Percent float64
	Bytes   Bytes // counts where Percent is 0
	Set     bool
}

// Exceeded reports whether growing from old to now is more than a allows.
func (a Allowance) Exceeded(old, now int64) bool {
	if a.Percent > 0 {
		return float64(now-old) > float64(old)*a.Percent/100
	}
	return now-old > int64(a.Bytes)
}

// String is a as it is written.
func (a Allowance) String() string {
	if a.Percent > 0 {
		return strconv.FormatFloat(a.Percent, 'g', -1, 64) + "%"
	}
	return a.Bytes.String()
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Allowance) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	if !percent {
		b, err := ParseBytes(string(text))
		if err != nil {
			return fmt.Errorf("%q is no allowance: want a part, such as \"5%%\", or a size, such as \"20 MB\"", text)
		}
		*a = Allowance{Bytes: b, Set: true}
		return nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || v < 0 || v > 1e6 || v != v {
		return fmt.Errorf("%q is no part: want a number and %%, such as \"5%%\"", text)
	}
	*a = Allowance{Percent: v, Set: true}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (a Allowance) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
