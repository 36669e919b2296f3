STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

GREMLINS = github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

all: test lint ## what to run before a commit

test: ## all tests; the same as go test ./...
	go test ./...

lint: ## formatting, vet, staticcheck, and Tare on its own Dockerfiles
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

update: ## rewrite the wanted output of the command's scripts, and the JSON Schemas
	go test ./cmd/tare ./internal/cli ./internal/schema -update

new: ## NAME=x: the files of a new check, its line in the suite, and its row in README.md
	@.ci/new-check "$(NAME)"

fuzz: ## every fuzz target for FUZZTIME (default 30s)
	@.ci/fuzz "$(or $(FUZZTIME),30s)"

mutate: ## PKG=dir...: deliberate mistakes that the tests must notice (default: the glue and what reads strangers' files)
	@for p in $(or $(PKG),analyzers/redact internal/attribution internal/buildcontext internal/cache internal/checkout internal/cli internal/command internal/config internal/driver internal/report internal/source); do \
		echo "== $$p"; go run $(GREMLINS) unleash --workers 2 --timeout-coefficient 10 "./$$p" | grep -vE 'KILLED|Starting|Gathering|^$$'; done

corpus: ## CORPUS=dir: precision and recall on real files with answers
	go run ./internal/corpus "$(CORPUS)"

wheel: ## VERSION=x: a Python wheel with the program for this machine, in dist/
	@mkdir -p dist && go run .ci/wheel.go dist "$(or $(VERSION),0.0.0)"

site: ## the pages of the checks as a small static site, in dist/site/
	@cd .ci/site && go run . ../.. ../../dist/site

bench: ## against the decompressor's floor, on real images; needs the testbed
	@.ci/bench

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: all test lint update new fuzz mutate corpus wheel site bench help
