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
	err = pages(ctx, client, first, opt.Limits, func(raw []byte) error {
		var page struct{ Tags []string }
		if err := json.Unmarshal(raw, &page); err != nil {
			return errors.New("it does not answer with a list of tags")
		}
		tags = append(tags, page.Tags...)
		return nil
	})
	if err != nil {
		return nil, &Error{repository, "list tags", explain(err, repo)}
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// Repositories lists the repositories of a registry, sorted, where it has a catalog (distribution's
// "Listing Repositories"): many hosted registries have none.
func Repositories(ctx context.Context, host string, opt Options) ([]string, error) {
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
	// the scope of a catalog is asked for as if it were a repository's: registries that know none ignore it
	client, err := opt.Session.client(ctx, reg.Repo("tare-catalog"), opt)
	if err != nil {
		return fails(err)
	}
	var repositories []string
	first := &url.URL{Scheme: reg.Scheme(), Host: reg.RegistryStr(), Path: "/v2/_catalog", RawQuery: fmt.Sprintf("n=%d", maxPerPage)}
	err = pages(ctx, client, first, opt.Limits, func(raw []byte) error {
		var page struct{ Repositories []string }
		if err := json.Unmarshal(raw, &page); err != nil {
			return errors.New("it does not answer with a list of repositories")
		}
		repositories = append(repositories, page.Repositories...)
		return nil
	})
	var te *transport.Error
	refused := []int{http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden}
	if errors.As(err, &te) && slices.Contains(refused, te.StatusCode) {
		return fails(fmt.Errorf("registry %q lists none (%d): name them, %s/REPOSITORY, or give a list (--from FILE)", host, te.StatusCode, host))
	}
	if err != nil {
		return fails(explain(err, reg.Repo("tare-catalog")))
	}
	slices.Sort(repositories)
	return slices.Compact(repositories), nil
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

// pages reads a list page by page, from its first on.
func pages(ctx context.Context, client *http.Client, at *url.URL, limits Limits, each func([]byte) error) error {
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
		if err := each(raw); err != nil {
			return err
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
