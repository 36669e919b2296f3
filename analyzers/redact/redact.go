// Package redact makes text of strangers fit to be shown: without credentials,
// and without what a terminal or a CI runner would obey. Every report, every
// message and every remark goes through it.
package redact

import (
	"regexp"
	"slices"
	"strings"
)

// hidden stands in the place of a credential.
const hidden = "xxxxx"

var (
	// A user and a password, up to the last @ before the host's path; or a password
	// that holds slashes, which a port number is told from.
	userinfo = regexp.MustCompile(`(://)[^/\s]+@`)
	slashed  = regexp.MustCompile(`(://[^/\s:@\[]+):([^\s@]+)@`)
	// The same without a scheme, as people put it before the name of an image.
	bare   = regexp.MustCompile("(^|[\\s\"'`=(,])([^\\s/@:\"'`=(,]+):([^\\s/@\"'`][^\\s@\"'`]*)@")
	port   = regexp.MustCompile(`^\d{1,5}(/|$)`)
	digest = regexp.MustCompile(`^[a-z0-9]+:[0-9a-f]{8}`)
	// The parts of a query that sign a URL, and credentials as headers have them.
	signed = regexp.MustCompile(`(?i)([?&][a-z0-9-]*(?:signature|token|credential|secret|password|sig)=)[^&\s"']+`)
	bearer = regexp.MustCompile(`\b((?i:basic|bearer)) [A-Za-z0-9+/=._~-]{16,}`)
)

// schemes are words before a colon that are no user: "github:owner/name@ref".
var schemes = []string{
	"docker",
	"git",
	"github",
	"gitlab",
	"mailto",
	"npm",
	"oci",
	"oci-archive",
	"docker-archive",
	"docker-daemon",
	"pkg",
}

// Credentials hides the users and passwords of URLs and references in a text,
// the parts of queries that sign them, and credentials as headers have them.
func Credentials(text string) string {
	if strings.Contains(text, "@") {
		text = userinfo.ReplaceAllString(text, "${1}"+hidden+"@")
		text = slashed.ReplaceAllStringFunc(text, func(m string) string {
			if g := slashed.FindStringSubmatch(m); !port.MatchString(g[2]) {
				return "://" + hidden + "@"
			}
			return m
		})
		text = bareUserinfo(text)
	}
	if strings.Contains(text, "=") {
		text = signed.ReplaceAllString(text, "${1}"+hidden)
	}
	return bearer.ReplaceAllString(text, "${1} "+hidden)
}

// bareUserinfo hides USER:PASSWORD@ where no scheme stands before it. NAME:TAG
// before the @ of a digest, and HOST:PORT, are none.
func bareUserinfo(text string) string {
	var b strings.Builder
	for {
		loc := bare.FindStringSubmatchIndex(text)
		if loc == nil {
			b.WriteString(text)
			return b.String()
		}
		user, password, after := text[loc[4]:loc[5]], text[loc[6]:loc[7]], text[loc[1]:]
		if digest.MatchString(after) || port.MatchString(password) || slices.Contains(schemes, user) {
			b.WriteString(text[:loc[1]])
		} else {
			b.WriteString(text[:loc[4]] + hidden + "@")
		}
		text = after
	}
}

var (
	reArgs  = regexp.MustCompile(`^(?:RUN )?\|\d+ `)
	reShell = regexp.MustCompile(` /\S*sh(?: -\S+| pipefail)*? -\w*c `)
	blanks  = regexp.MustCompile(`\s+`)
)

// History returns an entry of an image's history without the values of build
// arguments and without credentials, its blanks collapsed.
func History(createdBy string) string {
	collapse := func(s string) string { return strings.TrimSpace(blanks.ReplaceAllString(s, " ")) }
	text := collapse(createdBy)
	if loc := reArgs.FindStringIndex(text); loc != nil {
		// the values may hold anything: what stands behind the last shell is none
		text = "RUN"
		if all := reShell.FindAllStringIndex(createdBy, -1); len(all) > 0 {
			text += " " + collapse(createdBy[all[len(all)-1][0]:])
		}
	}
	return Credentials(text)
}
