package source

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answers is a transport that answers a URL with a status and a body, after its headers; what it does not know is 404.
type answers struct {
	t     *testing.T
	of    map[string]string // "STATUS [HEADER: VALUE] BODY" by URL
	asked []string          // each URL, with the credentials that it was sent
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, strings.TrimSpace(r.URL.String()+" "+r.Header.Get("Authorization")))
	text, ok := a.of[r.URL.String()]
	if !ok {
		text = "404 {}"
	}
	res := &http.Response{Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
	status, body, _ := strings.Cut(text, " ")
	if _, err := fmt.Sscan(status, &res.StatusCode); err != nil {
		a.t.Fatal(err)
	}
	if link, rest, ok := strings.Cut(body, "] "); ok && strings.HasPrefix(body, "[Link: ") {
		res.Header.Set("Link", strings.TrimPrefix(link, "[Link: "))
		body = rest
	}
	res.Body = io.NopCloser(strings.NewReader(body))
	return res, nil
}

// TestHosted: each hosted registry lists what lies below a name in its own way, all pages of it; pages and credentials stay with
// their host, and where a name is missing it is asked for.
func TestHosted(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("GITHUB_TOKEN", "canary-gh")
	t.Setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "canary-g")
	file := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	login := base64.StdEncoding.EncodeToString([]byte("robot:canary-r"))
	if err := os.WriteFile(file, []byte(`{"auths":{"harbor.example.com":{"auth":"`+login+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		hub     = "https://hub.docker.com/v2/namespaces/team/repositories?page_size=100"
		orgs    = "https://api.github.com/orgs/Team/packages?package_type=container&per_page=100"
		users   = "https://api.github.com/users/Team/packages?package_type=container&per_page=100"
		harbor  = "https://harbor.example.com/api/v2.0/projects/team/repositories?page=1&page_size=100"
		harbor2 = "https://harbor.example.com/api/v2.0/projects/team/repositories?page=2&page_size=100"
		google  = "https://eu-docker.pkg.dev/v2/project"
	)
	for what, test := range map[string]struct {
		host, below string
		of          map[string]string
		want        string // the repositories, or what the error says
		sent        string // credentials with every request that lists
	}{
		"hub": {"docker.io", "team", map[string]string{
			hub: `200 {"next":"` + hub + `&page=2","results":[{"name":"b"}]}`, hub + "&page=2": `200 {"next":null,"results":[{"name":"a"}]}`,
		}, "team/a team/b", ""},
		"hub, a page elsewhere": {"docker.io", "team", map[string]string{hub: `200 {"next":"https://evil.example.com/","results":[]}`}, "of another host", ""},
		"hub, no namespace":     {"docker.io", "", nil, `"docker.io" lists the repositories of one namespace: name it, docker.io/NAME/*`, ""},
		"hub, another":          {"docker.io", "none", nil, `hub.docker.com has no "none" (404)`, ""},
		"hub, no list":          {"docker.io", "team", map[string]string{hub: `200 [canary]`}, "does not answer with a list", ""},
		"organization": {"ghcr.io", "Team/deep", map[string]string{
			orgs: `200 [Link: <` + orgs + `&page=2>; rel="next"] [{"name":"web"}]`, orgs + "&page=2": `200 [{"name":"deep/api"}]`,
		}, "team/deep/api team/web", "Bearer canary-gh"},
		"user":             {"ghcr.io", "Team", map[string]string{users: `200 [{"name":"web"}]`}, "team/web", "Bearer canary-gh"},
		"a token too weak": {"ghcr.io", "Team", map[string]string{orgs: `403 {"message":"canary"}`}, `api.github.com does not list what "Team" has: it answers 403 Forbidden`, "Bearer canary-gh"},
		"google": {"eu-docker.pkg.dev", "project/repo", map[string]string{
			"https://eu-docker.pkg.dev/v2/": "200 {}", google + "/repo/tags/list": `200 {"child":["web","deep"]}`, google + "/repo/web/tags/list": `200 {"tags":["1"]}`,
			google + "/repo/deep/tags/list": `200 {"child":["api"],"manifest":{"sha256:a":{}}}`, google + "/repo/deep/api/tags/list": `200 {"tags":["1"]}`,
		}, "project/repo/deep project/repo/deep/api project/repo/web", "Basic " + base64.StdEncoding.EncodeToString([]byte("oauth2accesstoken:canary-g"))},
		"google, no project": {"gcr.io", "", nil, "lists the repositories of one project", ""},
		"harbor": {"harbor.example.com", "team", map[string]string{
			"https://harbor.example.com/v2/": "200 {}", "https://harbor.example.com/v2/_catalog?n=1000": "401 {}",
			harbor: `200 [Link: </api/v2.0/projects/team/repositories?page=2&page_size=100>; rel="next"] [{"name":"team/web"}]`, harbor2: `200 [{"name":"team/deep/api"}]`,
		}, "team/deep/api team/web", "Basic " + login},
		"no harbor": {"harbor.example.com", "team", map[string]string{
			"https://harbor.example.com/v2/": "200 {}", "https://harbor.example.com/v2/_catalog?n=1000": "403 {}",
		}, `registry "harbor.example.com" lists none (403)`, "Basic " + login},
	} {
		t.Run(what, func(t *testing.T) {
			a := &answers{t: t, of: test.of}
			opt := Options{Transport: a, wait: func(context.Context, time.Duration) error { return nil }}
			list, err := Repositories(context.Background(), test.host, test.below, opt)
			got := strings.Join(list, " ")
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) || err == nil && got != test.want || strings.Contains(got, "canary") {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, line := range a.asked {
				url, sent, _ := strings.Cut(line, " ")
				if strings.Contains(url, "evil") || sent != test.sent && !strings.HasSuffix(url, "/v2/") && !(sent == "" && strings.Contains(url, "/v2/")) {
					t.Errorf("%s was sent %q, want %q", url, sent, test.sent)
				}
			}
		})
	}
	t.Setenv("GITHUB_TOKEN", "")
	if _, err := Repositories(context.Background(), "ghcr.io", "team", Options{}); err == nil || !strings.Contains(err.Error(), "set GITHUB_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}

// endless answers each list of tags with a hundred more children.
type endless struct{ asked int }

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked++
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("%q", fmt.Sprint("c", i)))
	}
	body := `{"child":[` + strings.Join(names, ",") + `]}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// TestHostedEndless: repositories below each other without end are given up.
func TestHostedEndless(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	e := &endless{}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	opt := Options{Transport: e, Session: new(Session), wait: func(context.Context, time.Duration) error { return nil }}
	if _, err := Repositories(ctx, "gcr.io", "p", opt); err == nil || !strings.Contains(err.Error(), "more than the limit of 1000 repositories") || e.asked > 3*maxPages {
		t.Errorf("%v after %d requests", err, e.asked)
	}
}
