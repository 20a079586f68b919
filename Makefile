# Pulsewarden: the commands of this house. "make help" lists them.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help run test prove simulate lint fmt doc bench tools snapshots clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the hub: prints its address and the set-up link
	$(CARGO) run --release -- serve

tools: ## Install what the tests need, if it is missing
	scripts/install-test-tools.sh

test: tools ## Everything that must pass: format, clippy, tests, doc tests
	scripts/test.sh

prove: ## Break the hub on purpose, a promise at a time, and see its test fail: BUGS="P7 P12", or all
	scripts/prove.sh $(BUGS)

simulate: ## Weeks of faults in virtual time: SEEDS=1000 of them FROM=1, or one SEED=7; JOBS=2 threads
	SEEDS=$(SEEDS) FROM=$(FROM) SEED=$(SEED) JOBS=$(JOBS) WHOLE=$(WHOLE) \
		$(CARGO) test --profile simulate --locked --test it -- simulation::many --exact --ignored --nocapture

torture: tools ## The long forms of the proofs: hours, alone on a quiet machine
	scripts/torture.sh

lint: ## Format check and clippy, warnings refused
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt: ## Format everything
	$(CARGO) fmt --all

doc: ## The documentation of the code, warnings refused
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

bench: ## Measure heartbeats a second, judging, start, pages, what supervision costs, and the logs
	scripts/install-bench-tools.sh
	$(CARGO) bench --locked --bench hub
	$(CARGO) bench --locked --bench supervision
	$(CARGO) bench --locked --bench logs
	$(CARGO) bench --locked --bench pages

snapshots: ## Accept what the snapshot tests see now; look at the difference before you commit it
	UPDATE_SNAPSHOTS=1 $(CARGO) test --locked --test it cli
	UPDATE_SNAPSHOTS=1 $(CARGO) test --locked -p pulsewarden-web --lib page_snapshots

clean: ## Remove what was built
	$(CARGO) clean
