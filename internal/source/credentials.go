package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/tareweight/tare/internal/command"
)

// helperLimits are those of a credential helper, which may wait for a person or
// a network.
var helperLimits = command.Limits{Time: 30 * time.Second, Output: 1 << 20}

// credentials are those of docker login, or of podman's, for a repository.
// go-containerregistry reads the files; programs that keep credentials are run
// here, as it sets them no limits.
func credentials(ctx context.Context, repo name.Repository, opt Options) (authn.Authenticator, error) {
	file, err := loginFile()
	if err != nil {
		return nil, err
	}
	if file == nil {
		return fromEnvironment(ctx, repo.RegistryStr(), opt)
	}
	asked := false
	for _, key := range []string{repo.String(), repo.RegistryStr()} {
		server := key
		if key == name.DefaultRegistry {
			server = authn.DefaultAuthKey
		}
		helper, ok := file.CredentialHelpers[server]
		if !ok {
			helper = file.CredentialsStore
		}
		if helper == "" {
			continue
		}
		asked = true
		auth, err := ask(ctx, helper, server)
		if err != nil || auth != nil {
			return auth, err
		}
	}
	if asked && len(file.AuthConfigs) == 0 {
		return fromEnvironment(ctx, repo.RegistryStr(), opt)
	}
	plain := *file // what the file itself holds
	plain.CredentialsStore, plain.CredentialHelpers = "", nil
	for _, key := range []string{repo.String(), repo.RegistryStr()} {
		if key == name.DefaultRegistry {
			key = authn.DefaultAuthKey
		}
		c, err := plain.GetAuthConfig(key)
		if err != nil {
			return nil, errors.New("the file of docker login cannot be read")
		}
		if c.Username != "" || c.Password != "" || c.Auth != "" || c.IdentityToken != "" || c.RegistryToken != "" {
			return authn.FromConfig(authn.AuthConfig{
				Username:      c.Username,
				Password:      c.Password,
				Auth:          c.Auth,
				IdentityToken: c.IdentityToken,
				RegistryToken: c.RegistryToken,
			}), nil
		}
	}
	return fromEnvironment(ctx, repo.RegistryStr(), opt)
}

// fromEnvironment are the credentials that the environment of a CI job or a cloud holds for its own
// registry, where none are logged in with: GITHUB_TOKEN for ghcr.io, an OAuth token for Google's, an access
// key for Amazon's, a service principal for Azure's, which takes it as a user and a password
// (learn.microsoft.com/azure/container-registry/container-registry-auth-service-principal).
func fromEnvironment(ctx context.Context, host string, opt Options) (authn.Authenticator, error) {
	azure := strings.HasSuffix(host, ".azurecr.io") || strings.HasSuffix(host, ".azurecr.cn") || strings.HasSuffix(host, ".azurecr.us")
	user, password := "", ""
	switch {
	case host == "ghcr.io":
		user, password = cmp.Or(os.Getenv("GITHUB_ACTOR"), "token"), os.Getenv("GITHUB_TOKEN")
	case isGoogle(host):
		user, password = "oauth2accesstoken", os.Getenv("GOOGLE_OAUTH_ACCESS_TOKEN")
	case azure:
		user, password = os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET")
	default:
		if auth, err := opt.Session.amazon(ctx, host, opt); auth != nil || err != nil {
			return auth, err
		}
	}
	if user == "" || password == "" {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{Username: user, Password: password}), nil
}

// isGoogle reports whether a registry is one of Google's.
func isGoogle(host string) bool {
	return host == "gcr.io" || strings.HasSuffix(host, ".gcr.io") || strings.HasSuffix(host, "-docker.pkg.dev")
}

// loginFile is Docker's configuration, else podman's: in $DOCKER_CONFIG or
// ~/.docker, then $REGISTRY_AUTH_FILE, then containers/auth.json of the
// session's or of the user's configuration (containers-auth.json(5)). It is nil
// where there is none.
func loginFile() (*configfile.ConfigFile, error) {
	home, _ := os.UserHomeDir()
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(home, ".docker")
	}
	names := []string{filepath.Join(dir, "config.json")}
	if f := os.Getenv("REGISTRY_AUTH_FILE"); f != "" {
		names = append(names, f)
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		names = append(names, filepath.Join(run, "containers/auth.json"))
	}
	settings := os.Getenv("XDG_CONFIG_HOME")
	if settings == "" {
		settings = filepath.Join(home, ".config")
	}
	names = append(names, filepath.Join(settings, "containers/auth.json"))
	for _, file := range names {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the credentials of %q: %w", file, errors.Unwrap(err))
		}
		defer f.Close()
		c, err := config.LoadFromReader(f)
		if err != nil { // its text may be a credential
			return nil, fmt.Errorf("read the credentials of %q: it is no configuration of docker login", file)
		}
		return c, nil
	}
	return nil, nil
}

// ask runs a credential helper (docker-credential-helpers, "Usage": the server on
// standard input, a JSON object on standard output). It returns nil where the
// helper has none for that server. What else it prints is not shown: it may be a
// credential.
func ask(ctx context.Context, helper, server string) (authn.Authenticator, error) {
	program := "docker-credential-" + helper
	out, err := command.Run(ctx, helperLimits, strings.NewReader(server), program, "get")
	var found struct{ Username, Secret string }
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("credential helper %q, which the configuration of docker login names, is not there", program)
	case errors.As(err, new(*exec.ExitError)):
		if strings.Contains(string(out), "credentials not found") {
			return nil, nil
		}
		return nil, fmt.Errorf("credential helper %q fails: %w", program, err)
	case err != nil:
		return nil, err
	case json.Unmarshal(out, &found) != nil:
		return nil, fmt.Errorf("credential helper %q prints no credentials", program)
	case found.Username == "" && found.Secret == "":
		return nil, nil
	case found.Username == "<token>": // docs.docker.com, "Credential helper protocol"
		return authn.FromConfig(authn.AuthConfig{Username: found.Username, IdentityToken: found.Secret}), nil
	}
	return authn.FromConfig(authn.AuthConfig{Username: found.Username, Password: found.Secret}), nil
}
