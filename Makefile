# make help lists what can be made. Everything installs what it needs: Go modules
# and tools by go install, Debian's packages by apt-get when run as root.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE   := $(shell go env GOCACHE)/../rowshift
BIN     := $(CACHE)/bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)

GOLANGCI := $(BIN)/golangci-lint-v2.15.0
HELM     := $(BIN)/helm-v3.22.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/rowshift, static
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/rowshift ./cmd/rowshift

.PHONY: demo
demo: ## a throwaway PostgreSQL, S3 and Redshift stand-in with rowshift between them; DEMO_SECONDS=30 ends by itself
	go build -o $(BIN)/demo ./test/demo && exec $(BIN)/demo

.PHONY: bench
bench: ## measure beside pg_recvlogical and a native subscription, and write the tables of test/bench/README.md; 25 minutes
	go build -o $(BIN)/bench ./test/bench && $(BIN)/bench -for 23m -into test/bench/README.md

.PHONY: bench-smoke
bench-smoke: ## the same with hardly any rows, which shows that every part runs and that all tables become equal
	go build -o $(BIN)/bench ./test/bench && $(BIN)/bench -scale 0.002 -rounds 1

# The packages that take longest are named first, and so begin first; three are tested
# beside each other, for most of them wait more than they work. go vet is make vet.
.PHONY: test
test: compiler ## all tests, at most 10 minutes on two cores
	@sent=$$(mktemp -d); trap 'rm -rf "$$sent"' EXIT; set -x; \
	ROWSHIFT_SENT=$$sent go test -race -vet=off -p 3 -parallel 4 -timeout 45m ./test/e2e ./sink/redshift ./replicator/postgres ./...; \
	ROWSHIFT_ALL_SENT=$$sent go test -count=1 -run TestEachIsSent ./test/surface
	go test -timeout 5m -run AllocatesNothing ./schema
	go test -v -timeout 5m -run 'TestSimulation|TestPlantedBugs|TestBatchesLeaveTheirMemory' ./replicator

.PHONY: test-all
test-all: compiler ## the same tests with larger numbers, on every PostgreSQL
	ROWSHIFT_TEST_SEEDS=200 ROWSHIFT_TEST_KILLS=500 ROWSHIFT_TEST_VALUES=1000000 ROWSHIFT_SHAPES=all go test -race -timeout 3h ./...
	go test -timeout 3h -run 'TestSimulation|TestPlantedBugs' ./replicator -schedules 1000000
	for v in 14 16 17 18; do PGTEST_VERSION=$$v go test -timeout 1h ./replicator/...; done
	for v in 16 17 18; do PGTEST_VERSION=$$v ROWSHIFT_SHAPES=all go test -timeout 1h ./test/e2e/...; done
	PGTEST_VERSION=14 ROWSHIFT_SHAPES=all go test -timeout 1h -run 'TestShapes|TestDrawnStatements' ./test/e2e # it has no column lists, which the account tables of the others need

.PHONY: vet
vet: ## go vet, formatting, tidy modules
	go vet ./...
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w ."; exit 1; }
	go mod tidy -diff
	go mod verify
	cd test/kubernetes && go vet ./... && go mod tidy -diff && go mod verify

.PHONY: lint
lint: $(GOLANGCI) ## golangci-lint, and shellcheck and sqlfluff where they are installed
	$(GOLANGCI) run
	cd test/kubernetes && $(GOLANGCI) run
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run $$(git ls-files '*.sh'); fi
	test/surface/sqlfluff.sh

$(GOLANGCI):
	mkdir -p $(BIN)
	GOBIN=$(BIN)/tmp go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(BIN)/tmp/golangci-lint $@

.PHONY: deploy-test
deploy-test: $(HELM) ## what kustomize and Helm render of deploy/, held to the types of Kubernetes and run with the real binary
	cd test/kubernetes && HELM=$(HELM) go test -count=1 -timeout 9m ./...

# Its own releases are built with the version of Kubernetes that it takes for a cluster's
# where it sees none.
$(HELM):
	mkdir -p $(BIN)
	GOBIN=$(BIN)/tmp go install -ldflags '-s -w -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37' helm.sh/helm/v3/cmd/helm@v3.22.0
	mv $(BIN)/tmp/helm $@

.PHONY: conformance
conformance: ## what Redshift does: on the stand-in, or where REDSHIFT_TEST_URL, _BUCKET and _ROLE say; see test/conformance/doc.go
	go test -count=1 -timeout 2h -v -run TestConformance ./test/conformance | grep -v '^ *=== '

.PHONY: surface
surface: ## test/surface/statements.sql anew: every statement that the daemon sends to Redshift
	: > test/surface/statements.sql
	ROWSHIFT_RECORD=1 go test -count=1 -timeout 20m ./sink/redshift ./test/e2e
	@git diff --stat -- test/surface/statements.sql

.PHONY: image
image: ## the container image, TAG=rowshift:dev, with docker or podman; without them a test of the Dockerfile
	deploy/image.sh

.PHONY: fuzz
fuzz: ## each fuzz target for a minute
	for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do go test -run '^$$' -fuzz "^$$f\$$" -fuzztime 1m $$p; done; done

# The race detector needs a C compiler.
.PHONY: compiler
compiler:
	@command -v gcc >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq gcc libc6-dev; } || { echo "install a C compiler: apt-get install gcc libc6-dev"; exit 1; }

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
