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
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Limits of what a registry lists.
const (
	maxPages   = 1000
	maxPerPage = 1000
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

// pages reads a list page by page, from its first on.
func pages(ctx context.Context, client *http.Client, at *url.URL, limits Limits, each func([]byte) error) error {
	host := at.Host
	for n := 0; at != nil; n++ {
		if n == maxPages {
			return fmt.Errorf("its list has more than the limit of %d pages", maxPages)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := transport.CheckError(res, http.StatusOK); err != nil {
			res.Body.Close()
			return err
		}
		raw, err := limits.readAll(res.Body)
		if err != nil {
			return err
		}
		if err := each(raw); err != nil {
			return err
		}
		next, err := following(res.Header, at)
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
