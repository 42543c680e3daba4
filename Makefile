# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test watch bench cluster-test db docs fmt lint sqlx openapi release package package-test image sbom deny advisories clean-demo

export PATH := $(PATH):$(HOME)/.cargo/bin
muster := $(or $(CARGO_TARGET_DIR),target)/debug/muster

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Run Muster on this machine with examples: its own database, no mail leaves
	@scripts/setup.sh
	SQLX_OFFLINE=true cargo build
	@$(muster) demo

test: ## Check everything: format, lints, documentation, generated files, tests
	@scripts/setup.sh test
	@scripts/test.sh

watch: ## Check again after each change of a file; T="NAME..." runs these tests, too
	@scripts/watch.sh $(T)

db: ## Open psql on the demo's database, also while the demo runs (DATABASE_URL: on that one)
	@[ -x $(muster) ] || SQLX_OFFLINE=true cargo build
	@$(muster) postgres psql

docs: ## Build the code's documentation and say where it is; the rest is in docs/
	@SQLX_OFFLINE=true cargo doc --quiet --no-deps --document-private-items
	@echo "$(or $(CARGO_TARGET_DIR),target)/doc/muster/index.html"

bench: ## Measure speed beside peers on this machine (10 to 20 minutes); writes bench/results.md
	@scripts/setup.sh bench
	SQLX_OFFLINE=true cargo build --release
	@bench/run.sh

cluster-test: ## Break a cluster under load (root, Debian 12 or 13); FAULTS="switchover kill freeze": only these
	@cluster/run.sh $(FAULTS)

fmt: ## Format the code
	cargo fmt

lint: ## Clippy, as strict as `make test`
	SQLX_OFFLINE=true cargo clippy --all-targets -- -D warnings

sqlx: ## Refresh .sqlx after a query or a migration changed
	@scripts/sqlx.sh .sqlx

openapi: ## Refresh openapi.json after the API changed
	SQLX_OFFLINE=true cargo build
	@$(muster) openapi > openapi.json.new
	@mv openapi.json.new openapi.json

package: ## Build the Debian package (target/debian/); installs cargo-deb where it is missing
	@command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
	SQLX_OFFLINE=true cargo deb

package-test: package ## Install the package into a fresh Debian 12 and 13 and walk through docs/deploy.md (as root on Debian)
	@scripts/package-test.sh

image: package ## Build the container image muster:latest from the package (docker, podman or buildah)
	@scripts/image.sh

release: ## Keep schema and statements of VERSION, commit and tag (docs/releases.md)
	@scripts/release.sh $(VERSION)

sbom: ## Write what Muster is made of as CycloneDX JSON (target/muster.cdx.json)
	@scripts/sbom.sh

deny: ## Check that what Muster is made of may be a part of it (deny.toml); installs cargo-deny where it is missing
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

advisories: ## Check what Muster is made of for known vulnerabilities; needs the network
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check advisories

# Started as root in a folder that the database's user cannot enter, the cluster lies in /var/lib/muster instead, under
# the hash of this folder's path (src/kernel/embedded_postgres/location.rs).
clean-demo: ## Delete the demo's data for good: database, keys, mail (var/)
	@if command -v flock >/dev/null && [ -e var/muster.lock ] && ! flock -n var/muster.lock true; then \
		echo "Muster is running here: stop it first." >&2; exit 1; fi
	@elsewhere=/var/lib/muster/$$(printf %s "$$(pwd -P)/var" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16); \
		rm -rf var "$$elsewhere"; \
		echo "Deleted var/ (and $$elsewhere, if it was there). The next 'make demo' starts afresh."
