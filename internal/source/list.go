package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Limits of what a registry lists.
const (
	maxPages   = 1000
	maxPerPage = 1000
	maxList    = 32 << 20 // bytes of all pages
)

// Tags lists the tags of a repository, sorted (OCI distribution-spec, "Listing Tags"). Pages are those of
// the same registry: a link that leads elsewhere ends the list with an error.
func Tags(ctx context.Context, repository string, opt Options) ([]string, error) {
	if opt.Limits == (Limits{}) {
		opt.Limits = DefaultLimits
	}
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, &Error{repository, "list tags", err}
	}
	if opt.Offline {
		return nil, &Error{repository, "list tags", fmt.Errorf("registry %q is not asked: --offline", repo.RegistryStr())}
	}
	if _, err := places(dockerName(repo.Name())); err != nil { // it may be blocked
		return nil, &Error{repository, "list tags", err}
	}
	if opt.insecure(repo.RegistryStr()) {
		if repo, err = name.NewRepository(repository, name.Insecure); err != nil {
			return nil, &Error{repository, "list tags", err}
		}
	}
	client, err := opt.Session.client(ctx, repo, opt)
	if err != nil {
		return nil, &Error{repository, "list tags", err}
	}
	var tags []string
	first := &url.URL{
		Scheme: repo.Scheme(), Host: repo.RegistryStr(), Path: "/v2/" + repo.RepositoryStr() + "/tags/list",
		RawQuery: fmt.Sprintf("n=%d", maxPerPage),
	}
	err = pages(ctx, client, first, opt.Limits, func(raw []byte) (string, error) {
		var page struct{ Tags []string }
		if err := json.Unmarshal(raw, &page); err != nil {
			return "", errors.New("it does not answer with a list of tags")
		}
		tags = append(tags, page.Tags...)
		return "", nil
	})
	if err != nil {
		return nil, &Error{repository, "list tags", explain(err, repo)}
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// Repositories lists the repositories of a registry, sorted: where it has a catalog (distribution's
// "Listing Repositories"), all of them. Hosted registries have none, and list what lies below a path in a way
// of their own: below is the beginning of the names that are wanted, complete parts of them.
func Repositories(ctx context.Context, host, below string, opt Options) ([]string, error) {
	if opt.Limits == (Limits{}) {
		opt.Limits = DefaultLimits
	}
	fails := func(err error) ([]string, error) { return nil, &Error{host, "list repositories", err} }
	var kind []name.Option
	if opt.insecure(host) {
		kind = append(kind, name.Insecure)
	}
	reg, err := name.NewRegistry(host, kind...)
	if err != nil {
		return fails(err)
	}
	if opt.Offline {
		return fails(fmt.Errorf("registry %q is not asked: --offline", host))
	}
	if _, err := places(host); err != nil {
		return fails(err)
	}
	c := &catalog{ctx: ctx, host: host, opt: opt}
	first, _, _ := strings.Cut(below, "/")
	list, what := c.hosted()
	switch {
	case list != nil && first == "":
		return fails(
			fmt.Errorf(
				"registry %q lists the repositories of one %s: name it, %s/NAME/*, or give a list (--from FILE)",
				host,
				what,
				host,
			),
		)
	case list != nil && what == googleParts:
		err = list(below)
	case list != nil:
		err = list(first)
	default:
		err = c.all(reg)
		var te *transport.Error
		refused := []int{http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden}
		if errors.As(err, &te) && slices.Contains(refused, te.StatusCode) {
			if first != "" && c.harbor(first) == nil {
				err = nil
				break
			}
			return fails(
				fmt.Errorf(
					"registry %q lists none (%d): name them, %s/REPOSITORY, or give a list (--from FILE)",
					host,
					te.StatusCode,
					host,
				),
			)
		}
	}
	if err != nil {
		return fails(explain(err, reg.Repo("tare-catalog")))
	}
	slices.Sort(c.list)
	return slices.Compact(c.list), nil
}

// googleParts is what a registry of Google's lists.
const googleParts = "project, or a repository of one"

// hosted is how a hosted registry lists what lies below a path, and what its first part is; nil of another one.
func (c *catalog) hosted() (list func(below string) error, what string) {
	switch {
	case c.host == "docker.io" || strings.HasSuffix(c.host, ".docker.io"):
		return c.hub, "namespace"
	case c.host == "ghcr.io":
		return c.github, "organization or user"
	case isGoogle(c.host):
		return c.google, googleParts
	}
	return nil, ""
}

// all lists the whole catalog of a registry.
func (c *catalog) all(reg name.Registry) error {
	// the scope of a catalog is asked for as if it were a repository's: registries that know none ignore it
	client, err := c.opt.Session.client(c.ctx, reg.Repo("tare-catalog"), c.opt)
	if err != nil {
		return err
	}
	first := &url.URL{Scheme: reg.Scheme(), Host: reg.RegistryStr(), Path: "/v2/_catalog", RawQuery: fmt.Sprintf("n=%d", maxPerPage)}
	return pages(c.ctx, client, first, c.opt.Limits, func(raw []byte) (string, error) {
		var page struct{ Repositories []string }
		if err := json.Unmarshal(raw, &page); err != nil {
			return "", errNoList
		}
		c.list = append(c.list, page.Repositories...)
		return "", nil
	})
}

// Resolve asks which manifest a reference names now, by its digest, without fetching it where the
// registry answers HEAD.
func Resolve(ctx context.Context, ref string, opt Options) (string, error) {
	if opt.Limits == (Limits{}) {
		opt.Limits = DefaultLimits
	}
	r, err := name.ParseReference(ref)
	if err == nil {
		_, err = places(dockerName(r.Name())) // it may be blocked
	}
	if err != nil {
		return "", &Error{ref, "resolve", err}
	}
	reg, id, err := registryOf(ctx, ref, opt)
	if err != nil {
		return "", &Error{ref, "resolve", err}
	}
	var d v1.Descriptor
	err = within(ctx, documentTime(reg.idle), func(ctx context.Context) error {
		res, err := reg.do(ctx, http.MethodHead, "manifests", id, 0, 0)
		if err != nil {
			return err
		}
		res.Body.Close()
		d.Digest, _ = v1.NewHash(res.Header.Get("Docker-Content-Digest"))
		if got := d.Digest.String(); strings.HasPrefix(id, "sha256:") && d.Digest.Hex != "" && got != id {
			return fmt.Errorf("the registry answers with %s", got)
		}
		return nil
	})
	if err != nil {
		return "", &Error{ref, "resolve", err}
	}
	if d.Digest.Hex == "" { // it does not say
		if _, d, err = reg.root(ctx, id); err != nil {
			return "", &Error{ref, "resolve", err}
		}
	}
	return d.Digest.String(), nil
}

// pages reads a list page by page, from its first on. Each may name the next one, where no Link header does.
func pages(ctx context.Context, client *http.Client, at *url.URL, limits Limits, each func([]byte) (next string, err error)) error {
	host := at.Host
	total := int64(0)
	for n := 0; at != nil; n++ {
		if n == maxPages {
			return fmt.Errorf("its list has more than the limit of %d pages", maxPages)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return err
		}
		var raw []byte
		var header http.Header
		err = within(ctx, documentTime(idleLimit), func(ctx context.Context) error {
			res, err := client.Do(req.WithContext(ctx))
			if err != nil {
				return err
			}
			if err := transport.CheckError(res, http.StatusOK); err != nil {
				res.Body.Close()
				return err
			}
			header = res.Header
			raw, err = limits.readAll(res.Body)
			return err
		})
		if err != nil {
			return err
		}
		if total += int64(len(raw)); total > maxList {
			return fmt.Errorf("its list has more than the limit of %d bytes", maxList)
		}
		said, err := each(raw)
		if err != nil {
			return err
		}
		if said != "" {
			header = http.Header{"Link": {"<" + said + ">; rel=next"}}
		}
		next, err := following(header, at)
		if err != nil {
			return err
		}
		if next != nil && (next.Host != host || next.Scheme != at.Scheme) {
			return errors.New("the next page of its list is of another host")
		}
		at = next
	}
	return nil
}

// following is the page that a Link header names as the next one (RFC 8288); nil if there is none.
func following(h http.Header, at *url.URL) (*url.URL, error) {
	for _, link := range h.Values("Link") {
		target, rest, ok := strings.Cut(link, ">")
		if target, begins := strings.CutPrefix(strings.TrimSpace(target), "<"); ok && begins && strings.Contains(rest, "next") {
			next, err := at.Parse(target)
			if err != nil || next.Host == "" {
				return nil, errors.New("the next page of its list has no address")
			}
			if next.String() == at.String() {
				return nil, errors.New("the next page of its list is the same one")
			}
			return next, nil
		}
	}
	return nil, nil
}
