package cli

import "testing"

// TestShips: which stages of a Dockerfile are images of their own.
func TestShips(t *testing.T) {
	const src = `FROM a AS deps
FROM deps AS assets
FROM a AS runtime
COPY --from=assets /x /x
FROM runtime AS migrations
FROM runtime AS dev
FROM a AS tool
FROM a
RUN --mount=from=tool true
`
	for stage, want := range map[string]bool{
		"": true, "runtime": true, "Migrations": true, "deps": false, "assets": false, "dev": false, "tool": false, "none": false,
	} {
		if got := ships([]byte(src), stage); got != want {
			t.Errorf("%q: %v", stage, got)
		}
	}
	if ships([]byte("NOPE"), "") {
		t.Error("what does not parse ships")
	}
}

// TestNameOf: a name of the directory, and of what the file's own name adds.
func TestNameOf(t *testing.T) {
	for file, want := range map[string]string{
		"/r/svc/Dockerfile": "svc", "/r/svc/Dockerfile.worker": "svc-worker", "/r/svc/Dockerfile-worker": "svc-worker", "/r/Dockerfile": "r",
		"/r/Dockerfile.worker": "worker", "/r/worker.dockerfile": "worker", "/r/svc/docker/Dockerfile": "svc", "/r/docker/Dockerfile": "r",
		"/r/svc/docker/svc.dockerfile": "svc", "/r/svc/Containerfile": "svc", "/r/svc/containerfile_x": "svc-x", "/r/svc/odd": "svc-odd",
	} {
		if got := nameOf(file, "/r"); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
