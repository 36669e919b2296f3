package bases

import (
	_ "embed"
	"regexp"
	"strings"
	"time"
)

// The table as of 2026-11-22: dates as the projects announced them, the last
// day of a month where they name only that.
//
//go:embed eol.tsv
var table string

// An End is the last day of free security support of what an image holds.
type End struct {
	What   string // "Python 3.8", "Debian 10"
	Date   time.Time
	Source string
}

var ends = parseEnds()

func parseEnds() map[string]End {
	m := map[string]End{}
	for line := range strings.Lines(table) {
		c := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(c) != 4 {
			continue
		}
		date, err := time.Parse(time.DateOnly, c[2])
		if err != nil {
			panic(err) // the table is embedded: the tests read it
		}
		m[c[0]+" "+c[1]] = End{strings.ToUpper(c[0][:1]) + c[0][1:] + " " + c[1], date, c[3]}
	}
	return m
}

// newest is the release of a kind that has support for longest: what is written in
// the place of a tag that floats. An even number of Ubuntu's and Node's is one of
// long support.
func newest(kind string) (release string) {
	var last time.Time
	for key, e := range ends {
		k, r, _ := strings.Cut(key, " ")
		if k == kind && e.Date.After(last) {
			release, last = r, e.Date
		}
	}
	return release
}

var (
	suiteNumbers = map[string]string{
		"wheezy":   "7",
		"jessie":   "8",
		"stretch":  "9",
		"buster":   "10",
		"bullseye": "11",
		"bookworm": "12",
		"trixie":   "13",
	}
	ubuntuNames = map[string]string{
		"trusty":   "14.04",
		"xenial":   "16.04",
		"bionic":   "18.04",
		"focal":    "20.04",
		"jammy":    "22.04",
		"noble":    "24.04",
		"lunar":    "23.04",
		"mantic":   "23.10",
		"oracular": "24.10",
		"plucky":   "25.04",
	}
	reMinor      = regexp.MustCompile(`^v?(\d+\.\d+)`)
	reMajor      = regexp.MustCompile(`^v?(\d+)`)
	reAlpineTag  = regexp.MustCompile(`^alpine(\d+\.\d+)`)
	rePythonTag  = regexp.MustCompile(`(?:^|[-_.])py(?:thon)?-?([23]\.\d+)(?:$|[-_.])`)
	rePythonPath = regexp.MustCompile(`(?:^|/)python$`)
	reUVPython   = regexp.MustCompile(`^python(\d+\.\d+)`)
)

// Notice is how long before the end of its support a release is spoken of.
const Notice = 90 * 24 * time.Hour

// Ended counts the steps that releases have taken towards the end of their support by a day: what is said of them changes
// only with it.
func Ended(day time.Time) (n int) {
	for _, e := range ends {
		if left := e.Date.Sub(day); left < 0 {
			n += 2
		} else if left <= Notice {
			n++
		}
	}
	return n
}

// Ends returns the ends of support of what the name of b tells that it holds:
// a Python, a distribution, or both.
func (b Base) Ends() (out []End) {
	add := func(key string) {
		if e, ok := ends[key]; ok {
			out = append(out, e)
		}
	}
	parts := strings.Split(b.Tag, "-")
	switch b.Family {
	case "python":
		if m := reMinor.FindStringSubmatch(parts[0]); m != nil {
			add("python " + m[1])
		}
	case "debian":
		if m := reMajor.FindStringSubmatch(parts[0]); m != nil {
			add("debian " + m[1])
		}
	case "ubuntu":
		if m := reMinor.FindStringSubmatch(parts[0]); m != nil {
			add("ubuntu " + m[1])
		}
	case "alpine":
		if m := reMinor.FindStringSubmatch(parts[0]); m != nil {
			add("alpine " + m[1])
		}
	}
	for _, p := range parts {
		if m := reAlpineTag.FindStringSubmatch(p); m != nil {
			add("alpine " + m[1])
		}
		if m := reUVPython.FindStringSubmatch(p); m != nil && b.Family == "uv" {
			add("python " + m[1])
		}
		if b.Family != "" {
			if n, ok := suiteNumbers[p]; ok {
				add("debian " + n)
			}
			if n, ok := ubuntuNames[p]; ok {
				add("ubuntu " + n)
			}
		}
		if rest, ok := strings.CutPrefix(p, "ubuntu"); ok && b.Family == "cuda" {
			add("ubuntu " + rest)
		}
	}
	if b.Family != "python" && b.Family != "uv" {
		if m := rePythonTag.FindStringSubmatch(b.Tag); m != nil { // "python3.9", "py3.9"
			add("python " + m[1])
		} else if m := reMinor.FindStringSubmatch(b.Tag); m != nil && rePythonPath.MatchString(b.Path) { // lambda/python:3.9
			add("python " + m[1])
		}
	}
	if i := strings.LastIndex(b.Path, "-debian"); b.Family == "distroless" && i >= 0 {
		add("debian " + b.Path[i+len("-debian"):])
	}
	return out
}
