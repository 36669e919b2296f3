// Package ignore reads the comments by which a file says what is ignored in it:
//
//	# tare: ignore=RULE[,RULE] [until=YYYY-MM-DD] -- reason
//	# tare: ignore-file=RULE[,RULE] [until=YYYY-MM-DD] -- reason
//
// A comment has a line of its own, above what it is about.
package ignore

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Limits: each finding of a file is compared with each name of its comments.
const (
	maxComments = 200 // of a file
	maxNames    = 20  // of a comment
	maxReason   = 200 // bytes: a report shows it
)

// A Comment is one of them.
type Comment struct {
	Path        string
	Line        int       // of the comment
	First, Last int       // the lines that it is about, inclusive
	Names       []string  // of rules and of checks, as it has them
	Until       time.Time // the last day on which it counts; zero: there is none
	Reason      string
	Broken      string // why it does not count, and what to write; "" if it does
}

var reComment = regexp.MustCompile(`^\s*#\s*tare:(.*)$`)

// Read returns the comments of the file at path, in order. End says where the
// statement that begins on a line ends; 0 where that is not known: it is then as
// long as its lines end with a backslash.
func Read(path string, text []byte, end func(first int) int) (comments []*Comment) {
	if !bytes.Contains(text, []byte("tare:")) {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		m := reComment.FindStringSubmatch(strings.TrimSuffix(line, "\r"))
		if m == nil {
			continue
		}
		c := &Comment{Path: path, Line: i + 1}
		if len(comments) == maxComments {
			c.Broken = fmt.Sprintf("the file has more than the limit of %d: write ignore-file", maxComments)
			return append(comments, c)
		}
		c.parse(m[1])
		if c.Last == 0 {
			c.cover(lines, end)
		}
		comments = append(comments, c)
	}
	return comments
}

// parse reads what stands behind "tare:".
func (c *Comment) parse(text string) {
	settings, reason, _ := strings.Cut(text+" ", " -- ")
	c.Reason = analysis.Clip(strings.TrimSpace(reason), maxReason)
	for _, word := range strings.Fields(settings) {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case (key == "ignore" || key == "ignore-file") && strings.Trim(value, ",") != "":
			c.Names = append(c.Names, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
			if key == "ignore-file" {
				c.First, c.Last = 1, math.MaxInt
			}
		case key == "until":
			day, err := time.Parse(time.DateOnly, value)
			if err != nil {
				c.Broken = fmt.Sprintf("until=%s is no day: write until=YYYY-MM-DD", value)
				return
			}
			c.Until = day
		default:
			c.Broken = fmt.Sprintf(`%q is not understood: write "# tare: ignore=RULE -- reason"`, analysis.Clip(word, maxReason))
			return
		}
	}
	switch {
	case len(c.Names) > maxNames:
		c.Names = c.Names[:maxNames]
		c.Broken = fmt.Sprintf("it names more than the limit of %d rules: name checks", maxNames)
	case len(c.Names) == 0:
		c.Broken = `it names no rule: write "# tare: ignore=RULE -- reason"`
	case c.Reason == "":
		c.Broken = `it gives no reason: write it behind " -- "`
	}
}

// cover finds the statement below the comment; blanks and other comments may stand
// between them.
func (c *Comment) cover(lines []string, end func(int) int) {
	statement := func(line string) bool {
		line = strings.TrimSpace(line)
		return line != "" && line[0] != '#'
	}
	i := c.Line // the index of the line below it
	for i < len(lines) && !statement(lines[i]) {
		i++
	}
	if i == len(lines) {
		return
	}
	c.First, c.Last = i+1, i+1
	if last := end(c.First); last > 0 {
		c.Last = last
		return
	}
	for strings.HasSuffix(strings.TrimRight(lines[i], " \t\r"), `\`) && i+1 < len(lines) {
		i++
	}
	c.Last = i + 1
}

// Over reports whether the comment's last day is over on a day.
func (c *Comment) Over(day time.Time) bool { return !c.Until.IsZero() && day.After(c.Until) }

// Covers reports whether the comment names the rule, by its own name or that of its
// check, for what stands at a place; the name is how.
func (c *Comment) Covers(at analysis.Location, check, rule string) (name string, ok bool) {
	if c.Broken != "" || at.Layer != nil || at.Path != c.Path || c.Last == 0 || max(at.Line, 1) < c.First || at.Line > c.Last {
		return "", false
	}
	if at.Line == 0 && c.Last != math.MaxInt { // the whole file
		return "", false
	}
	for _, name := range []string{rule, check} {
		if slices.Contains(c.Names, name) {
			return name, true
		}
	}
	return "", false
}
