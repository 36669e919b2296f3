package resources

import (
	"fmt"
	"strconv"
	"strings"
)

// suffixes are those of quantities (kubernetes/apimachinery, pkg/api/resource/quantity.go), in thousandths.
var suffixes = []struct {
	suffix string
	factor float64
}{
	{"Ki", 1 << 10 * 1e3}, {"Mi", 1 << 20 * 1e3}, {"Gi", 1 << 30 * 1e3}, {"Ti", 1 << 40 * 1e3},
	{"m", 1}, {"k", 1e6}, {"M", 1e9}, {"G", 1e12}, {"T", 1e15}, {"", 1e3},
}

// quantity reads a quantity, in thousandths.
func quantity(text string) (int64, bool) {
	for _, s := range suffixes {
		if digits, ok := strings.CutSuffix(text, s.suffix); ok {
			n, err := strconv.ParseFloat(digits, 64)
			if err != nil || n <= 0 || n*s.factor >= 1e18 {
				return 0, false
			}
			return int64(n * s.factor), true
		}
	}
	return 0, false
}

// cores are thousandths of a processor in words.
func cores(milli int64) string {
	if milli%1000 == 0 {
		return fmt.Sprintf("%d CPU", milli/1000)
	}
	return fmt.Sprintf("%g CPU", float64(milli)/1000)
}
