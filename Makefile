# Needs Rust and Python 3; everything else is installed into the build folder.
.PHONY: demo emulator test dist sweep weather first-aws-run fuzz fuzz-files lint doc docs fmt schema setup build up status logs backup restore down

demo: ## Plan, apply, plan again and destroy on an emulator of AWS; with Docker, the whole system
	@python3 tests/tools/run.py demo

emulator: ## An emulator of AWS to try things on, until Ctrl-C; prints the variables for a shell
	@python3 tests/tools/run.py emulator

test: ## Every test; what needs a program that is not there is named at the end
	@python3 tests/tools/run.py test

# What a profile cannot say: see docs/decisions/0004-builds.md.
DIST_FLAGS = -C force-unwind-tables=no $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)),-C link-arg=-Wl$(comma)--icf=all)
comma := ,

dist: ## The small binary for users, in the build folder's dist/; about 20 minutes on 2 cores
	RUSTFLAGS="$(DIST_FLAGS)" cargo build --profile dist --locked --package provisioner-cli --bin provisioner

sweep: ## Interrupts apply, update and destroy on moto: SWEEP=all, a number of points (50) or one point; SEED=…; STATE=s3
	@SWEEP="$(SWEEP)" SEED="$(SEED)" STATE="$(STATE)" PROFILE="$(PROFILE)" python3 tests/tools/run.py sweep

weather: ## Applies, changes and destroys on moto while calls fail by chance: RUNS=… (20), SEED=…, WEATHER=rules, JOBS=…
	@RUNS="$(RUNS)" SEED="$(SEED)" WEATHER="$(WEATHER)" JOBS="$(JOBS)" PROFILE="$(PROFILE)" python3 tests/tools/run.py weather

first-aws-run: ## An environment on AWS, recorded and destroyed again: ENV=…, LIMIT=minutes (120), CONFIRM=ENV, DESTROY=1. It costs money: docs/guide/first-aws-run.md
	@python3 tests/tools/run.py first-aws-run "$(ENV)" $(if $(LIMIT),--limit $(LIMIT)) $(if $(CONFIRM),--confirm $(CONFIRM)) \
		$(if $(DESTROY),--destroy)

fuzz: ## The app's API, by its description; needs PostgreSQL
	@python3 app/tools/fuzz.py

fuzz-files: ## Damaged state, journal, plan and environment files: N=NUMBER inputs, from SEED=NUMBER
	PROVISIONER_FUZZ=$(or $(N),10000000) PROVISIONER_FUZZ_SEED=$(or $(SEED),0) CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
		cargo test --release --locked --package provisioner-cli --no-default-features --test fuzz -- --nocapture

lint: ## What CI checks before the tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc: ## The API's documentation, without a broken link
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

docs: ## The guides and the reference, as a book in the build folder
	@.ci/docs

fmt: ## Formats the code
	cargo fmt --all

schema: ## Updates the JSON Schema of environment files
	cargo run --quiet --locked --package provisioner-cli -- schema > docs/environment.schema.json

# The app on this machine, by Docker Compose: see compose/README.md. OBSERVABILITY=1 adds Prometheus and Grafana.
setup build up status logs down:
	@python3 compose/run.py $@

backup: ## The database into a file: FILE=…, or one named by the time
	@python3 compose/run.py backup $(FILE)

restore: ## Puts a backup back: FILE=…, and YES=1 where nobody is there to ask
	@python3 compose/run.py restore "$(FILE)" $(if $(YES),--yes)
