# Builds, runs and tests ebgen. `make` needs Go alone; what else a target needs it
# installs with apt-get when it runs as root, and names when it does not.

GO      ?= go
BIN     := bin/ebgen
SPEC    ?= tcpretrans
FUZZTIME ?= 60s

# Packages that target $(1) needs when command $(2) is missing.
need = command -v $(2) >/dev/null || scripts/need $(1)
# The same for what tests can do without, if only root can install it: they say so.
want = command -v $(2) >/dev/null || [ "$$(id -u)" -ne 0 ] || scripts/need $(1)

.PHONY: all release run test race lint check-generated generate golden fuzz bench vm test-editor test-kernels test-arm64 test-fidelity ci clean

all: $(BIN)

# Go decides itself what is stale.
.PHONY: $(BIN) tracers
$(BIN): tracers
	CGO_ENABLED=0 $(GO) build -trimpath -o $@ ./cmd/ebgen

# The executables that `ebgen build` puts tracers into; they are carried by ebgen.
tracers:
	@for arch in amd64 arm64; do scripts/carry $$arch || exit 1; done

# An ebgen that carries the catalogue too, compiled for this kernel or for those whose
# types lie in the folder BTF.
release: $(BIN)
	@$(call need,clang,clang)
	$(BIN) build specs -o cmd/ebgen/carried/catalogue.ebgen --arch amd64,arm64 $(if $(BTF),--btf $(BTF))
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o $(BIN) ./cmd/ebgen
	rm cmd/ebgen/carried/catalogue.ebgen

# The flagship spec, with a small workload of its own on loopback.
run: $(BIN)
	@$(call need,clang,clang)
	$(BIN) run $(SPEC) --demo

test: tracers
	@$(call need,clang,clang)
	@$(call want,chromium,chromium)
	$(GO) vet ./...
	$(GO) test -timeout 30m ./...

race: tracers
	@$(call need,clang,clang)
	@$(call need,gcc,gcc)
	@$(call want,chromium,chromium)
	$(GO) test -race -timeout 30m ./...

lint:
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@test -z "$$(gofmt -s -l .)" || { echo 'gofmt -s would change:'; gofmt -s -l .; exit 1; }
	$(GO) mod tidy -diff

# Writes the generated tables again; CI fails when that changes anything.
generate:
	$(GO) generate ./...

check-generated: generate
	git diff --exit-code

golden:
	$(GO) test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update

fuzz:
	scripts/fuzz $(FUZZTIME)

# ebgen beside its peers and hand-written C, into docs/benchmarks.md. As root; a quiet
# machine gives steadier figures.
bench: $(BIN)
	scripts/bench $(BENCHFLAGS)

vm:
	$(GO) build -o bin/vm ./cmd/vm
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o bin/vm-arm64 ./cmd/vm

# An editor with the YAML language server from npm: completes keys, flags unknown ones.
LANGUAGE_SERVER := .cache/editor/node_modules/.bin/yaml-language-server

$(LANGUAGE_SERVER):
	@$(call need,npm,npm)
	npm install --silent --no-fund --no-audit --prefix .cache/editor yaml-language-server@1.25.0

test-editor: $(LANGUAGE_SERVER)
	EBGEN_EDITOR=$(CURDIR)/$(LANGUAGE_SERVER) $(GO) test ./cmd/ebgen -run TestEditor -count=1

test-kernels: vm $(BIN)
	scripts/test-kernels

test-arm64: vm $(BIN)
	scripts/test-kernels 6.12-arm64

# Specs beside the tools of other projects, here and in a guest: docs/fidelity.md. A quiet
# machine agrees best.
test-fidelity: vm
	@$(call need,clang,clang)
	@$(call need,gcc,gcc)
	@$(call need,libbpf-tools,syscount)
	@$(call need,bpftrace,bpftrace)
	@$(call need,bpfcc-tools linux-headers-cloud-amd64,memleak-bpfcc)
	scripts/test-fidelity

ci: lint test race test-editor test-kernels

clean:
	rm -rf bin
