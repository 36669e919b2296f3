package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// TestSign is "get-vanilla" of AWS's own suite of tests of its signatures (aws-sig-v4-test-suite).
func TestSign(t *testing.T) {
	req, err := http.NewRequest(http.MethodGet, "https://example.amazonaws.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	k := amazonKeys{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	k.sign(req, nil, "us-east-1", "service", time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, " +
		"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// roundTrip is a transport of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestAmazon: the keys of the environment become the password of a registry of ECR, by a signed request to that region alone,
// once for all of its repositories; the keys are in no request, and nothing of an answer is in an error.
func TestAmazon(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
	t.Setenv("AWS_SESSION_TOKEN", "lasting")
	var asked []string
	status, token := http.StatusOK, base64.StdEncoding.EncodeToString([]byte("AWS:pass:word"))
	opt := Options{Limits: DefaultLimits, Session: new(Session), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		var sent bytes.Buffer
		_ = r.Write(&sent)
		if r.Body != nil {
			_, _ = io.Copy(&sent, r.Body)
		}
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Amz-Target")+" "+r.Header.Get("X-Amz-Security-Token"))
		if strings.Contains(sent.String(), "canary") || !strings.Contains(r.Header.Get("Authorization"), "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,") {
			t.Errorf("sent %q", sent.String())
		}
		body := fmt.Sprintf(`{"authorizationData":[{"authorizationToken":%q,"expiresAt":1}]}`, token)
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example.com/"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}), wait: func(context.Context, time.Duration) error { return nil }}
	get := func(host string) (string, error) {
		repo, err := name.NewRepository(host + "/app")
		if err != nil {
			t.Fatal(err)
		}
		auth, err := credentials(context.Background(), repo, opt)
		if err != nil {
			return "", err
		}
		c, err := auth.Authorization()
		return c.Username + " " + c.Password, err
	}
	const target = " AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken lasting"
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com":          "https://api.ecr.eu-west-1.amazonaws.com/",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn":      "https://api.ecr.cn-north-1.amazonaws.com.cn/",
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "https://ecr-fips.us-gov-west-1.amazonaws.com/",
	} {
		for range 2 {
			if got, err := get(host); err != nil || got != "AWS pass:word" {
				t.Errorf("%s: %q, %v", host, got, err)
			}
		}
		if got := strings.Join(asked, ", "); got != "POST "+want+target {
			t.Errorf("%s: asked %q", host, got)
		}
		asked = nil
	}
	for _, host := range []string{
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com.example.com", "example.com", "12345.dkr.ecr.eu-west-1.amazonaws.com",
		"x123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.a.b.amazonaws.com",
	} {
		if got, err := get(host); err != nil || got != " " || len(asked) > 0 {
			t.Errorf("%s: %q, %v, asked %q", host, got, err, asked)
		}
	}
	opt.Session = nil
	const host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	token = "canary!"
	for _, status = range []int{http.StatusOK, http.StatusBadRequest, http.StatusTemporaryRedirect} {
		if got, err := get(host); err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
			t.Errorf("%d: %q, %v", status, got, err)
		}
	}
	if strings.Contains(strings.Join(asked, ", "), "elsewhere") {
		t.Errorf("asked %q", asked)
	}
	asked = nil
	t.Setenv("AZURE_CLIENT_ID", "")
	t.Setenv("AZURE_CLIENT_SECRET", "x")
	if got, err := get("team.azurecr.io"); err != nil || got != " " {
		t.Errorf("half a service principal: %q, %v", got, err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if got, err := get(host); err != nil || got != " " || len(asked) > 0 {
		t.Errorf("without keys: %q, %v, asked %q", got, err, asked)
	}
}
