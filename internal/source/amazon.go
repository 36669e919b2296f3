package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// reAmazon is a registry of ECR: its account, FIPS or not, its region, and the end that China's have.
var reAmazon = regexp.MustCompile(`^\d{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)

// amazon exchanges the keys of the environment for the password of a registry of ECR, for 12 hours
// (docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html). It returns nil where host is none, or
// the environment holds no keys. They are not sent: the request is signed with them, for that region's own interface.
func amazon(ctx context.Context, host string, opt Options) (authn.Authenticator, error) {
	m := reAmazon.FindStringSubmatch(host)
	k := amazonKeys{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}
	if m == nil || k.id == "" || k.secret == "" {
		return nil, nil
	}
	fails := func(err error) (authn.Authenticator, error) {
		return nil, fmt.Errorf("exchange the keys of the environment (AWS_ACCESS_KEY_ID) for a password of %q: %w", host, network(err))
	}
	to := "api.ecr." + m[2] + ".amazonaws.com" + m[3]
	if m[1] != "" {
		to = "ecr-fips." + m[2] + ".amazonaws.com" + m[3]
	}
	client, err := opt.plain(to)
	if err != nil {
		return fails(err)
	}
	var raw []byte
	err = within(ctx, documentTime(cmp.Or(opt.idle, idleLimit)), func(ctx context.Context) error {
		body := []byte("{}")
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+to+"/", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
		k.sign(req, body, m[2], "ecr", time.Now())
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			res.Body.Close()
			return fmt.Errorf("%s answers %d %s", to, res.StatusCode, http.StatusText(res.StatusCode))
		}
		raw, err = opt.Limits.readAll(res.Body)
		return err
	})
	if err != nil {
		return fails(err)
	}
	var answer struct {
		AuthorizationData []struct{ AuthorizationToken string }
	}
	if json.Unmarshal(raw, &answer) != nil || len(answer.AuthorizationData) == 0 {
		return fails(errors.New("there is none in the answer"))
	}
	plain, err := base64.StdEncoding.DecodeString(answer.AuthorizationData[0].AuthorizationToken)
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return fails(errors.New("there is none in the answer"))
	}
	return authn.FromConfig(authn.AuthConfig{Username: user, Password: password}), nil
}

// exchanged is the password of a registry of ECR, for all of its repositories.
type exchanged struct {
	mu    sync.Mutex
	auth  authn.Authenticator
	until time.Time // another one is asked for
}

// amazon is the function of that name, asked once for each registry in the half of the time that the answer is good for.
func (s *Session) amazon(ctx context.Context, host string, opt Options) (authn.Authenticator, error) {
	if s == nil {
		return amazon(ctx, host, opt)
	}
	s.mu.Lock()
	if s.amazons == nil {
		s.amazons = map[string]*exchanged{}
	}
	x := s.amazons[host]
	if x == nil {
		x = new(exchanged)
		s.amazons[host] = x
	}
	s.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if time.Now().Before(x.until) {
		return x.auth, nil
	}
	auth, err := amazon(ctx, host, opt)
	if err == nil {
		x.auth, x.until = auth, time.Now().Add(6*time.Hour)
	}
	return auth, err
}

// amazonKeys are an access key of AWS; session is "" of a lasting one.
type amazonKeys struct{ id, secret, session string }

// sign signs a request without a query, with the headers that it has
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
func (k amazonKeys) sign(req *http.Request, body []byte, region, service string, now time.Time) {
	at := now.UTC().Format("20060102T150405Z")
	req.Header.Set("X-Amz-Date", at)
	if k.session != "" {
		req.Header.Set("X-Amz-Security-Token", k.session)
	}
	names, headers := "", ""
	for _, name := range []string{"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"} { // in order
		value := req.Header.Get(name)
		if name == "host" {
			value = req.URL.Host
		}
		if value != "" {
			names += ";" + name
			headers += name + ":" + value + "\n"
		}
	}
	names = strings.TrimPrefix(names, ";")
	request := strings.Join([]string{req.Method, req.URL.EscapedPath(), "", headers, names, fmt.Sprintf("%x", sha256.Sum256(body))}, "\n")
	scope := strings.Join([]string{at[:8], region, service, "aws4_request"}, "/")
	key := []byte("AWS4" + k.secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	signature := mac(key, strings.Join([]string{"AWS4-HMAC-SHA256", at, scope, fmt.Sprintf("%x", sha256.Sum256([]byte(request)))}, "\n"))
	req.Header.Set("Authorization",
		fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", k.id, scope, names, signature))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
