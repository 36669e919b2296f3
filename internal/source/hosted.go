package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// The interfaces that list what hosted registries have, as these have no catalog.
const (
	hubHost    = "hub.docker.com" // docs.docker.com/reference/api/hub/latest, "List repositories"
	githubHost = "api.github.com" // docs.github.com/rest/packages/packages
)

// A catalog lists repositories in a registry's own way.
type catalog struct {
	ctx  context.Context
	host string // of the registry
	opt  Options
	list []string
}

// plain is a client of an interface that is no registry's. It follows no redirect to another host.
func (opt Options) plain(host string) (*http.Client, error) {
	base, err := opt.transport(host)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: transport.NewUserAgent(&retrying{base, opt.waiting(), cmp.Or(opt.idle, idleLimit), opt.Limits}, "tare"),
		CheckRedirect: func(req *http.Request, _ []*http.Request) error {
			if req.URL.Host != host {
				return errors.New("it leads elsewhere")
			}
			return nil
		},
	}, nil
}

// hub lists the public repositories of a namespace of Docker Hub.
func (c *catalog) hub(namespace string) error {
	client, err := c.opt.plain(hubHost)
	if err != nil {
		return err
	}
	first := &url.URL{Scheme: "https", Host: hubHost, Path: "/v2/namespaces/" + namespace + "/repositories", RawQuery: "page_size=100"}
	return said(hubHost, namespace, pages(c.ctx, client, first, c.opt.Limits, func(raw []byte) (next string, err error) {
		var page struct {
			Next    string
			Results []struct{ Name string }
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return "", errNoList
		}
		for _, r := range page.Results {
			c.list = append(c.list, namespace+"/"+r.Name)
		}
		return page.Next, nil
	}))
}

// github lists the container packages of an organization, or of a user, with the token of the environment.
func (c *catalog) github(owner string) error {
	token := os.Getenv("GITHUB_TOKEN")
	if token == "" {
		return errors.New("GitHub lists packages for a token alone: set GITHUB_TOKEN, to one that may read:packages")
	}
	client, err := c.opt.plain(githubHost)
	if err != nil {
		return err
	}
	client.Transport = &bearer{client.Transport, "Bearer " + token}
	for _, kind := range []string{"orgs", "users"} {
		first := &url.URL{
			Scheme: "https", Host: githubHost, Path: "/" + kind + "/" + owner + "/packages", RawQuery: "package_type=container&per_page=100",
		}
		err = pages(c.ctx, client, first, c.opt.Limits, func(raw []byte) (string, error) {
			var page []struct{ Name string }
			if err := json.Unmarshal(raw, &page); err != nil {
				return "", errNoList
			}
			for _, p := range page {
				c.list = append(c.list, strings.ToLower(owner)+"/"+p.Name)
			}
			return "", nil
		})
		if te := (*transport.Error)(nil); !errors.As(err, &te) || te.StatusCode != http.StatusNotFound {
			break
		}
	}
	return said(githubHost, owner, err)
}

// google lists what lies below a path of a registry of Google's: the list of tags of a path names its children
// (github.com/google/go-containerregistry, pkg/v1/google).
func (c *catalog) google(below string) error {
	todo := []string{below}
	for n := 0; n < len(todo); n++ {
		if n == maxPages {
			return fmt.Errorf("its list has more than the limit of %d repositories", maxPages)
		}
		repo, err := name.NewRepository(c.host + "/" + todo[n])
		if err != nil {
			return err
		}
		client, err := c.opt.Session.client(c.ctx, repo, c.opt)
		if err != nil {
			return err
		}
		first := &url.URL{Scheme: repo.Scheme(), Host: repo.RegistryStr(), Path: "/v2/" + todo[n] + "/tags/list"}
		err = pages(c.ctx, client, first, c.opt.Limits, func(raw []byte) (string, error) {
			var page struct {
				Child, Tags []string
				Manifest    map[string]json.RawMessage
			}
			if err := json.Unmarshal(raw, &page); err != nil {
				return "", errNoList
			}
			if len(page.Tags)+len(page.Manifest) > 0 {
				c.list = append(c.list, todo[n])
			}
			for _, child := range page.Child {
				todo = append(todo, todo[n]+"/"+child)
			}
			return "", nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// harbor lists the repositories of a project of Harbor, whose catalog is for its administrators alone
// (goharbor.io, "listRepositories"), with the registry's own credentials.
func (c *catalog) harbor(project string) error {
	repo, err := name.NewRepository(c.host + "/" + project)
	if c.opt.insecure(c.host) {
		repo, err = name.NewRepository(c.host+"/"+project, name.Insecure)
	}
	if err != nil {
		return err
	}
	client, err := c.opt.plain(repo.RegistryStr())
	if err != nil {
		return err
	}
	auth, err := credentials(c.ctx, repo, c.opt)
	if err != nil {
		return err
	}
	if basic, err := auth.Authorization(); err == nil && basic.Username != "" && auth != authn.Anonymous {
		client.Transport = &bearer{client.Transport, basicAuth(basic.Username, basic.Password)}
	}
	first := &url.URL{
		Scheme: repo.Scheme(), Host: repo.RegistryStr(), Path: "/api/v2.0/projects/" + project + "/repositories",
		RawQuery: "page=1&page_size=100",
	}
	return pages(c.ctx, client, first, c.opt.Limits, func(raw []byte) (string, error) {
		var page []struct{ Name string }
		if err := json.Unmarshal(raw, &page); err != nil {
			return "", errNoList
		}
		for _, r := range page {
			c.list = append(c.list, r.Name)
		}
		return "", nil
	})
}

// said is an error of an interface that lists what is below a name. What it sent is not quoted.
func said(host, below string, err error) error {
	var te *transport.Error
	switch {
	case !errors.As(err, &te):
		return err
	case te.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s has no %q (404)", host, below)
	}
	return fmt.Errorf("%s does not list what %q has: it answers %d %s", host, below, te.StatusCode, http.StatusText(te.StatusCode))
}

var errNoList = errors.New("it does not answer with a list of repositories")

// A bearer adds an Authorization to each request of an interface.
type bearer struct {
	base          http.RoundTripper
	authorization string
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", b.authorization)
	return b.base.RoundTrip(req)
}

func basicAuth(user, password string) string {
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(user, password)
	return req.Header.Get("Authorization")
}
