STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

all: test lint ## what to run before a commit

test: ## all tests; the same as go test ./...
	go test ./...

lint: ## formatting, vet, staticcheck, and Tare on its own Dockerfiles
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

update: ## rewrite the wanted output of the command's scripts
	go test ./cmd/tare -update

new: ## NAME=x: the files of a new check, and its line in the suite
	@.ci/new-check "$(NAME)"

fuzz: ## every fuzz target for FUZZTIME (default 30s)
	@.ci/fuzz "$(or $(FUZZTIME),30s)"

corpus: ## CORPUS=dir: precision and recall on real files with answers
	go run ./internal/corpus "$(CORPUS)"

bench: ## against the decompressor's floor, on real images; needs the testbed
	@.ci/bench

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: all test lint update new fuzz corpus bench help
