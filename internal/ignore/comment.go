package ignore

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
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

// A comment has a line of its own; of a file of requirements it may stand behind one, as pip
// takes what follows " #" for a comment.
var (
	reComment  = regexp.MustCompile(`^\s*#\s*tare:(.*)$`)
	reTrailing = regexp.MustCompile(`^\s*[^\s#].*\s#\s*tare:(.*)$`)
)

// Read returns the comments of the file at path that ignore something, in order:
//
//	# tare: ignore=RULE[,RULE] [until=YYYY-MM-DD] -- reason
//	# tare: ignore-file=RULE[,RULE] [until=YYYY-MM-DD] -- reason
//
// and, where a rule of Tare's says what the other tool's does, those of hadolint and of
// BuildKit's checks. A comment stands above what it is about. End says where the statement
// that begins on a line of a Dockerfile ends; 0 where that is not known: it is then as long as
// its lines end with a backslash. Of another file it is nil: a comment may stand behind a
// statement there.
func Read(path string, text []byte, end func(first int) int) (comments []*Ignore) {
	if !bytes.Contains(text, []byte("tare:")) && !bytes.Contains(text, []byte("hadolint")) && !reDirective.Match(text) {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	head := true // of the file: what stands there may be a directive
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		c := &Ignore{Path: path, Line: i + 1}
		m := reComment.FindStringSubmatch(line)
		if m == nil && end == nil {
			if m = reTrailing.FindStringSubmatch(line); m != nil {
				c.First, c.Last = i+1, i+1
			}
		}
		switch {
		case m != nil:
		case c.foreign(line, head):
		default:
			head = head && reParserDirective.MatchString(line)
			continue
		}
		head = head && m == nil && reParserDirective.MatchString(line)
		if len(comments) == maxComments {
			c.Foreign = false
			c.Broken = fmt.Sprintf("the file has more than the limit of %d: write ignore-file", maxComments)
			return append(comments, c)
		}
		if m != nil {
			c.parse(m[1])
		}
		if c.Last == 0 {
			c.cover(lines, end)
		}
		comments = append(comments, c)
	}
	return comments
}

// reList is the comma of a list, with blanks.
var reList = regexp.MustCompile(`\s*,\s*`)

// parse reads what stands behind "tare:".
func (g *Ignore) parse(text string) {
	settings, reason, _ := strings.Cut(text+" ", " -- ")
	settings = reList.ReplaceAllString(settings, ",")
	g.Reason = analysis.Clip(strings.TrimSpace(reason), maxReason)
	for _, word := range strings.Fields(settings) {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case (key == "ignore" || key == "ignore-file") && strings.Trim(value, ",") != "":
			g.Names = append(g.Names, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
			if key == "ignore-file" {
				g.First, g.Last = 1, math.MaxInt
			}
		case key == "until":
			day, err := time.Parse(time.DateOnly, value)
			if err != nil {
				g.Broken = fmt.Sprintf("until=%s is no day: write until=YYYY-MM-DD", value)
				return
			}
			g.Until = day
		default:
			g.Broken = fmt.Sprintf(`%q is not understood: write "# tare: ignore=RULE -- reason"`, analysis.Clip(word, maxReason))
			return
		}
	}
	switch {
	case len(g.Names) > maxNames:
		g.Names = g.Names[:maxNames]
		g.Broken = fmt.Sprintf("it names more than the limit of %d rules: name checks", maxNames)
	case len(g.Names) == 0:
		g.Broken = `it names no rule: write "# tare: ignore=RULE -- reason"`
	case g.Reason == "":
		g.Broken = `it gives no reason: write it behind " -- "`
	}
}

// cover finds the statement below the comment; blanks and other comments may stand
// between them.
func (g *Ignore) cover(lines []string, end func(int) int) {
	statement := func(line string) bool {
		line = strings.TrimSpace(line)
		return line != "" && line[0] != '#'
	}
	i := g.Line // the index of the line below it
	for i < len(lines) && !statement(lines[i]) {
		i++
	}
	if i == len(lines) {
		return
	}
	g.First, g.Last = i+1, i+1
	if end != nil {
		if last := end(g.First); last > 0 {
			g.Last = last
			return
		}
	}
	for strings.HasSuffix(strings.TrimRight(lines[i], " \t\r"), `\`) && i+1 < len(lines) {
		i++
	}
	g.Last = i + 1
}
