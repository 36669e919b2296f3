package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestAction runs the action's script as GitHub does, on the demo: its outputs, the job's summary, annotations, and one
// comment that the second run updates. A token that may not write is said, and fails nothing.
func TestAction(t *testing.T) {
	for _, tool := range []string{"bash", "jq", "curl", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not there", tool)
		}
	}
	var mu sync.Mutex
	comments := map[int]string{1: "<!-- tare --> of someone else"}
	readonly := false
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var sent struct{ Body string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &sent)
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/repos/o/r/issues/7/comments":
			list := []map[string]any{}
			for id, text := range comments {
				list = append(list, map[string]any{"id": id, "body": text, "user": map[string]string{"type": map[bool]string{true: "User", false: "Bot"}[id == 1]}})
			}
			_ = json.NewEncoder(w).Encode(list)
		case readonly:
			w.WriteHeader(http.StatusForbidden)
		case r.Method == http.MethodPost && r.URL.Path == "/repos/o/r/issues/7/comments":
			comments[len(comments)+1] = sent.Body
			w.WriteHeader(http.StatusCreated)
		case r.Method == http.MethodPatch:
			var id int
			fmt.Sscanf(r.URL.Path, "/repos/o/r/issues/comments/%d", &id)
			comments[id] = sent.Body + "\nupdated"
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer api.Close()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	event := filepath.Join(dir, "event.json")
	if err := os.WriteFile(event, []byte(`{"pull_request": {"number": 7}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(set map[string]string) (out, outputs, summary string, status int) {
		t.Helper()
		env := map[string]string{
			"RUNNER_TEMP": dir, "GITHUB_OUTPUT": filepath.Join(dir, "out"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"), "GITHUB_EVENT_PATH": event,
			"GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": api.URL, "ACTION_DIR": root, "NO_COLOR": "1",
		}
		text, err := os.ReadFile("../../action.yml")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^        (INPUT_[A-Z_]+):`).FindAllStringSubmatch(string(text), -1) {
			env[m[1]] = ""
		}
		for k, v := range map[string]string{
			"INPUT_PATH": "testdata/demo", "INPUT_FAIL_ON": "warning", "INPUT_TIMEOUT": "10m", "INPUT_SARIF_FILE": filepath.Join(dir, "t.sarif"),
			"INPUT_JSON_FILE": filepath.Join(dir, "t.json"), "INPUT_SUMMARY": "true", "INPUT_ANNOTATIONS": "true", "INPUT_COMMENT": "true", "INPUT_TOKEN": "s3cret",
			"INPUT_WORKING_DIRECTORY": root,
		} {
			env[k] = v
		}
		for k, v := range set {
			env[k] = v
		}
		for _, f := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
			os.Remove(env[f])
		}
		cmd := exec.Command("bash", filepath.Join(root, "action", "check.sh"))
		cmd.Env = os.Environ()
		for k, v := range env {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
		b, _ := cmd.CombinedOutput()
		read := func(name string) string {
			text, _ := os.ReadFile(env[name])
			return string(text)
		}
		return string(b), read("GITHUB_OUTPUT"), read("GITHUB_STEP_SUMMARY"), cmd.ProcessState.ExitCode()
	}
	out, outputs, summary, status := run(nil)
	if status != 1 || !strings.Contains(outputs, "status=1\n") || !strings.Contains(outputs, "sarif-file="+filepath.Join(dir, "t.sarif")) || !regexp.MustCompile(`(?m)^findings=\d+$`).MatchString(outputs) ||
		!strings.Contains(outputs, `sizes=[{"name":"oci:testdata/demo/image","unpackedBytes":`) {
		t.Errorf("status %d, outputs:\n%s\n%s", status, outputs, out)
	}
	if !strings.Contains(summary, "### Tare: 2 errors") || !strings.Contains(out, "\n::error file=testdata/demo/Dockerfile,line=2,endLine=2,title=sizebudget-download::") {
		t.Errorf("summary:\n%s\noutput:\n%s", summary, out)
	}
	if len(comments) != 2 || !strings.HasPrefix(comments[2], "<!-- tare -->\n### Tare: 2 errors") {
		t.Errorf("comments: %v", comments)
	}
	if run(nil); len(comments) != 2 || !strings.HasSuffix(comments[2], "\nupdated") || comments[1] != "<!-- tare --> of someone else" {
		t.Errorf("the second time: %v", comments)
	}
	readonly = true
	if out, _, _, status := run(map[string]string{"INPUT_ONLY": "ignore"}); status != 0 || !strings.Contains(out, "comment: it cannot be updated: a fork's token may not") {
		t.Errorf("a fork: status %d: %s", status, out)
	}
	if out, outputs, _, status := run(map[string]string{"INPUT_PATH": "$(touch " + dir + "/injected)", "INPUT_COMMENT": "false", "INPUT_ARGS": "--notes\n-q"}); status != 2 || !strings.Contains(outputs, "status=2") {
		t.Errorf("a path that is none: %d: %s", status, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "injected")); err == nil {
		t.Error("an input was carried out")
	}
	if out, _, _, status := run(map[string]string{"INPUT_SARIF_FILE": "a\nstatus=0"}); status != 2 || !strings.Contains(out, "one line is wanted") {
		t.Errorf("a name of two lines: %d: %s", status, out)
	}
	if out, _, _, status := run(map[string]string{"INPUT_VERSION": "1; id"}); status != 2 || !strings.Contains(out, "want one such as") {
		t.Errorf("a version: %d: %s", status, out)
	}
}
