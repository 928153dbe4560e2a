# Builds, runs and tests ebgen. `make` needs Go alone; what else a target needs it
# installs with apt-get when it runs as root, and names when it does not.

GO      ?= go
BIN     := bin/ebgen
SPEC    ?= tcpretrans
FUZZTIME ?= 60s

# Packages that target $(1) needs when command $(2) is missing.
need = command -v $(2) >/dev/null || scripts/need $(1)

.PHONY: all run test race lint check-generated generate golden fuzz vm test-kernels ci clean

all: $(BIN)

# Go decides itself what is stale.
.PHONY: $(BIN)
$(BIN):
	$(GO) build -trimpath -o $@ ./cmd/ebgen

# The flagship spec, with a small workload of its own on loopback.
run: $(BIN)
	@$(call need,clang,clang)
	$(BIN) run $(SPEC) --demo

test:
	@$(call need,clang,clang)
	$(GO) vet ./...
	$(GO) test ./...

race:
	@$(call need,clang,clang)
	@$(call need,gcc,gcc)
	$(GO) test -race ./...

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
	$(GO) test ./spec/... ./gen/... ./runtime/... -update

fuzz:
	scripts/fuzz $(FUZZTIME)

vm:
	$(GO) build -o bin/vm ./cmd/vm

test-kernels: vm $(BIN)
	scripts/test-kernels

ci: lint test race test-kernels

clean:
	rm -rf bin
