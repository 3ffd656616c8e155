# Needs Rust and Python 3; everything else is installed into the build folder.
.PHONY: demo test lint doc fmt schema

demo: ## Plan, apply, plan again and destroy on an emulator of AWS
	@python3 tests/tools/run.py demo

test: ## Every test; what needs a program that is not there is named at the end
	@python3 tests/tools/run.py test

lint: ## What CI checks before the tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc: ## The API's documentation, without a broken link
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

fmt: ## Formats the code
	cargo fmt --all

schema: ## Writes the environment files' JSON Schema anew
	cargo run --quiet --locked --package provisioner-cli -- schema > docs/environment.schema.json
