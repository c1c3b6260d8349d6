# make demo    builds, then shows the main job; installs nothing, needs no privileges
# make test    installs what it lacks (saying so), then passes every test
# make lint    formatting, clippy and the rules of the house
# make bench   measures us and others in one run
# make fuzz    a million inputs for each reader, 100,000 programs; FUZZ="elf_open --seed 2" for less
# make install puts `skep` into cargo's bin folder, or into PREFIX/bin

.PHONY: demo test lint bench fuzz install

# The counter has eight slots, one for each CPU: on a larger machine it stays on the first eight.
EIGHT_CPUS = $(shell [ "$$(nproc)" -le 8 ] || ! taskset -c 0-7 true 2>/dev/null || echo taskset -c 0-7)

demo: | linker
	@cargo build --quiet --release --locked --package skep-cli
	@$(EIGHT_CPUS) cargo xtask demo

test:
	@.ci/install
	@cargo xtask test

lint: | linker
	@cargo xtask lint

bench: | linker
	@cargo run --release --locked --manifest-path bench/Cargo.toml

fuzz: | linker
	@cargo build --release --locked --manifest-path fuzz/Cargo.toml
	@ulimit -v 4194304; cargo run --quiet --release --locked --manifest-path fuzz/Cargo.toml -- $(FUZZ)

install: | linker
	cargo install --locked --path crates/cli $(if $(PREFIX),--root $(PREFIX))

.PHONY: linker
linker:
	@command -v cargo >/dev/null || { echo "no cargo: install Rust, https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "no C linker: apt-get install gcc libc6-dev" >&2; exit 1; }
