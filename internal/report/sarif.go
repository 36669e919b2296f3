package report

import (
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
)

// SARIF writes a SARIF 2.1.0 log of one run: only what GitHub and editors read.
// What GitHub does with it:
//   - the first location alone places an alert; a result without one is refused;
//   - a uri must be a path of the repository: one with a scheme (an image's tag
//     reads as one) rejects the whole upload, one with a digest makes alerts
//     that never match again;
//   - more than 20 runs in a file are refused, and two runs of one category: there
//     is one for all targets, and each result says in its properties whose it is;
//   - of more than 25,000 results of a run the upload is refused, and 5,000 are kept;
//   - primaryLocationLineHash alone matches alerts over time, and is computed
//     from the file's text if it is missing: ours is of the key, which does
//     not move with lines;
//   - relatedLocations are shown where the message links them, [text](id);
//   - fixes and suppressions are not read; editors read fixes.
func SARIF(w io.Writer, d *Document, _ Options) error {
	log := sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{},
	}
	driver := sarifDriver{
		Name:           "Tare",
		InformationURI: "https://github.com/tareweight/tare",
		Version:        strings.TrimPrefix(d.Tool.Version, "v"),
		Rules:          []sarifRule{},
	}
	index := map[string]int{}
	for i, r := range d.Rules {
		index[r.ID] = i
		title := strings.ToUpper(r.Title[:1]) + r.Title[1:] + "."
		rule := sarifRule{
			ID: r.ID, ShortDescription: text{title}, FullDescription: text{analysis.Clip(firstParagraph(r.Help, title), 1000)},
			Help: markdown{Text: r.Help, Markdown: r.Help}, HelpURI: r.HelpURI, DefaultConfiguration: level{r.Severity},
		}
		rule.Properties.Tags = []string{"container", "python"}
		rule.Properties.Precision = "high"
		rule.Properties.ProblemSeverity = problemSeverity[r.Severity]
		driver.Rules = append(driver.Rules, rule)
	}
	r := sarifRun{
		Tool:              sarifTool{driver},
		ColumnKind:        "unicodeCodePoints",
		Results:           []sarifResult{},
		AutomationDetails: automation{"tare/"},
		notRun:            map[string]bool{},
	}
	r.Invocations = []invocation{{ExecutionSuccessful: true, Notifications: []notification{}}}
	for _, remark := range d.Remarks {
		r.Invocations[0].Notifications = append(r.Invocations[0].Notifications, notification{Level: "note", Message: text{remark}})
	}
	for i := range d.Targets {
		r.add(&d.Targets[i], index)
	}
	r.bound()
	log.Runs = append(log.Runs, r)
	return Encode(w, log)
}

// problemSeverity is what GitHub calls a severity.
var problemSeverity = map[analysis.Severity]string{
	analysis.Error: "error", analysis.Warning: "warning", analysis.Note: "recommendation",
}

// add adds what was found of a target.
func (r *sarifRun) add(t *Target, index map[string]int) {
	v := &r.Invocations[0]
	v.ExecutionSuccessful = v.ExecutionSuccessful && len(t.Errors) == 0
	say := func(level, message string) *notification {
		v.Notifications = append(v.Notifications, notification{Level: level, Message: text{t.Name + ": " + message}})
		return &v.Notifications[len(v.Notifications)-1]
	}
	if s := t.Configuration.String(); s != "" {
		say("note", s)
	}
	for _, err := range t.Errors {
		say("error", err)
	}
	for _, n := range t.NotRun {
		if n.Location.Path == "" { // once for all targets
			if key := n.Rule + "\x00" + n.Reason; !r.notRun[key] {
				r.notRun[key] = true
				v.Notifications = append(v.Notifications, notification{Level: "note", Message: text{n.Reason}})
				if i, ok := index[n.Rule]; ok {
					v.Notifications[len(v.Notifications)-1].Rule = &ruleRef{n.Rule, i}
				}
			}
			continue
		}
		note := say("note", n.Location.String()+": "+n.Reason)
		if i, ok := index[n.Rule]; ok {
			note.Rule = &ruleRef{n.Rule, i}
		}
	}
	for i := range t.Findings {
		r.Results = append(r.Results, result(t, &t.Findings[i], index))
	}
	for i := range t.Ignored {
		res := result(t, &t.Ignored[i].Finding, index)
		res.Suppressions = []suppression{{Kind: "inSource", Justification: t.Ignored[i].Reason}}
		if t.Ignored[i].Configured {
			res.Suppressions[0].Kind = "external"
		}
		r.Results = append(r.Results, res)
	}
	for i := range t.Known {
		res := result(t, &t.Known[i], index)
		res.Suppressions = []suppression{{Kind: "external", Justification: "the baseline has it"}}
		r.Results = append(r.Results, res)
	}
}

func result(t *Target, f *Finding, index map[string]int) sarifResult {
	res := sarifResult{RuleID: f.Rule, RuleIndex: index[f.Rule], Level: f.Severity, Message: text{sentence(f.Message)}}
	res.Properties.Target, res.Properties.Targets = t.Name, f.Targets
	res.PartialFingerprints.LineHash = f.Fingerprint + ":1"
	res.Locations = []sarifLocation{place(t, f.Location, f.Snippet)}
	for i, rel := range f.Related {
		l := place(t, rel.Location, "")
		l.ID, l.Message = i+1, &text{rel.Message}
		res.RelatedLocations = append(res.RelatedLocations, l)
	}
	res.Message.Text += links(f.Related)
	for _, fix := range f.Fixes {
		res.Fixes = append(res.Fixes, sarifFixOf(t, fix))
	}
	return res
}

// maxLinks is how many related places a message links.
const maxLinks = 10

// links are the related places as a message has them: GitHub shows those alone that it
// links (SARIF 2.1.0, 3.11.6).
func links(related []Related) string {
	var parts []string
	for i, rel := range related {
		if i == maxLinks {
			break
		}
		what := sentence(strings.ReplaceAll(rel.Message, "\n", " "))
		if what == "" || i > 0 && rel.Message == related[i-1].Message { // the same of another place
			what = fmt.Sprint(i + 1)
		}
		parts = append(parts, fmt.Sprintf("[%s](%d)", what, i+1))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// maxResults is how many results GitHub keeps of a run.
const maxResults = 5_000

// bound keeps the results of the highest severity, in their order, and says how
// many are left out.
func (r *sarifRun) bound() {
	n := len(r.Results)
	if n <= maxResults {
		return
	}
	left := maxResults
	var kept []sarifResult
	keep := map[int]bool{}
	for _, s := range analysis.Severities {
		for i := range r.Results {
			if r.Results[i].Level == s && left > 0 {
				keep[i] = true
				left--
			}
		}
	}
	for i, res := range r.Results {
		if keep[i] {
			kept = append(kept, res)
		}
	}
	r.Results = kept
	r.Invocations[0].Notifications = append(r.Invocations[0].Notifications, notification{Level: "warning",
		Message: text{
			fmt.Sprintf("of %d findings the %d of the highest severity are here, as code scanning keeps no more", n, maxResults),
		}})
}

// sentence keeps a message from being read as Markdown's links.
func sentence(s string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`).Replace(s)
}

func firstParagraph(help, otherwise string) string {
	p, _, _ := strings.Cut(strings.TrimSpace(help), "\n\n")
	if p == "" || strings.HasPrefix(p, "```") {
		return otherwise
	}
	return strings.ReplaceAll(p, "\n", " ")
}

// place is a location in the repository. A place inside an image stands on the
// first line of its Dockerfile's judged stage, or, without a Dockerfile, on a
// path made of the image's repository.
func place(t *Target, l Location, snippet string) sarifLocation {
	uri, region := t.Place.in(l.Path), sarifRegion{StartLine: max(1, l.Line), StartColumn: 1, EndLine: max(1, l.Line, l.End), EndColumn: 1}
	var out sarifLocation
	if l.Layer != "" || l.Path == "" {
		logical := "image"
		if l.Layer != "" {
			logical = l.String()
		}
		out.LogicalLocations = []logicalLocation{{FullyQualifiedName: logical, Kind: "resource"}}
		uri, region = "image", sarifRegion{StartLine: 1, StartColumn: 1, EndLine: 1, EndColumn: 1}
		if t.Image != nil {
			uri = repository(t.Image.Name)
		}
		if d := t.Dockerfile; d != nil && len(d.Stages) > 0 {
			uri = t.Place.in(d.Path)
			for _, s := range d.Stages {
				if s.Name == d.Target || fmt.Sprintf("stage %d", s.Index) == d.Target {
					region.StartLine, region.EndLine = s.Line, s.Line
				}
			}
		}
	} else if snippet != "" {
		lines := strings.Split(snippet, "\n")
		first := lines[0]
		region.StartColumn = 1 + utf8.RuneCountInString(first) - utf8.RuneCountInString(strings.TrimLeft(first, " \t"))
		region.EndLine = region.StartLine + len(lines) - 1
		region.EndColumn = 1 + utf8.RuneCountInString(lines[len(lines)-1])
	}
	if region.EndLine == region.StartLine && region.EndColumn <= region.StartColumn {
		region.EndColumn = region.StartColumn + 1
	}
	out.PhysicalLocation = physical{artifact{URI: relative(uri)}, region}
	return out
}

// relative makes a path a relative reference: no scheme, no root.
func relative(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	return strings.ReplaceAll((&url.URL{Path: p}).EscapedPath(), ":", "%3A")
}

// repository is an image's name without registry, tag and digest.
func repository(name string) string {
	for _, prefix := range []string{"docker://", "oci:", "oci-archive:", "docker-archive:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return bases.ParseRef(name).Path
}

func sarifFixOf(t *Target, f Fix) sarifFix {
	out := sarifFix{Description: text{f.Message}}
	for _, e := range f.Edits {
		out.Changes = append(out.Changes, change{artifact{URI: relative(t.Place.in(e.Path))}, []replacement{{
			sarifRegion{StartLine: e.Line, StartColumn: 1, EndLine: e.End + 1, EndColumn: 1}, text{e.New + "\n"},
		}}})
	}
	return out
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool              sarifTool     `json:"tool"`
		AutomationDetails automation    `json:"automationDetails"`
		ColumnKind        string        `json:"columnKind"`
		Invocations       []invocation  `json:"invocations"`
		Results           []sarifResult `json:"results"`

		notRun map[string]bool // what was said of rules and reasons
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Version        string      `json:"version"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string   `json:"id"`
		ShortDescription     text     `json:"shortDescription"`
		FullDescription      text     `json:"fullDescription"`
		Help                 markdown `json:"help"`
		HelpURI              string   `json:"helpUri,omitempty"`
		DefaultConfiguration level    `json:"defaultConfiguration"`
		Properties           struct {
			Tags            []string `json:"tags"`
			Precision       string   `json:"precision"`
			ProblemSeverity string   `json:"problem.severity"`
		} `json:"properties"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               analysis.Severity `json:"level"`
		Message             text              `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		RelatedLocations    []sarifLocation   `json:"relatedLocations,omitempty"`
		PartialFingerprints struct {
			LineHash string `json:"primaryLocationLineHash"`
		} `json:"partialFingerprints"`
		Fixes        []sarifFix    `json:"fixes,omitempty"`
		Suppressions []suppression `json:"suppressions,omitempty"`
		Properties   struct {
			Target  string   `json:"target"`
			Targets []string `json:"targets,omitempty"` // others of which the same was found
		} `json:"properties"`
	}
	suppression struct {
		Kind          string `json:"kind"` // "inSource": by a comment; "external": by the configuration or a baseline
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		ID               int               `json:"id,omitempty"`
		Message          *text             `json:"message,omitempty"`
		PhysicalLocation physical          `json:"physicalLocation"`
		LogicalLocations []logicalLocation `json:"logicalLocations,omitempty"`
	}
	logicalLocation struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	physical struct {
		ArtifactLocation artifact    `json:"artifactLocation"`
		Region           sarifRegion `json:"region"`
	}
	artifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifFix struct {
		Description text     `json:"description"`
		Changes     []change `json:"artifactChanges"`
	}
	change struct {
		ArtifactLocation artifact      `json:"artifactLocation"`
		Replacements     []replacement `json:"replacements"`
	}
	replacement struct {
		DeletedRegion   sarifRegion `json:"deletedRegion"`
		InsertedContent text        `json:"insertedContent"`
	}
	invocation struct {
		ExecutionSuccessful bool           `json:"executionSuccessful"`
		Notifications       []notification `json:"toolExecutionNotifications"`
	}
	notification struct {
		Level   string   `json:"level"`
		Message text     `json:"message"`
		Rule    *ruleRef `json:"associatedRule,omitempty"`
	}
	ruleRef struct {
		ID    string `json:"id"`
		Index int    `json:"index"`
	}
	automation struct {
		ID string `json:"id"`
	}
	level struct {
		Level analysis.Severity `json:"level"`
	}
	text struct {
		Text string `json:"text"`
	}
	markdown struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
)
