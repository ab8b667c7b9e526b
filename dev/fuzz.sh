#!/usr/bin/env bash
# Fuzzes the targets in fuzz/ one after the other: TARGET names some (a regular expression), SECONDS_EACH how long each runs.
# Called by `make fuzz`. cargo-fuzz is built once, into .fuzz-tools; what is found lies in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=0.13.1
seconds=${1:-60} wanted=${2:-.}
tools=$PWD/.fuzz-tools

if ! "$tools/bin/cargo-fuzz" --version 2>/dev/null | grep -qF " $VERSION"; then
  echo "fuzz: building cargo-fuzz $VERSION (once)"
  cargo install --locked --quiet --root "$tools" --target-dir "$tools/target" cargo-fuzz --version "$VERSION"
  rm -rf "$tools/target"
fi
export PATH=$tools/bin:$PATH
# Its options are those of a nightly compiler; a stable one takes them too if it is told so.
if command -v rustup >/dev/null && rustup toolchain list | grep -q '^nightly'; then
  export RUSTUP_TOOLCHAIN=nightly
else
  export RUSTC_BOOTSTRAP=1
fi

targets=$(cargo fuzz list | grep -E "$wanted") || { echo "fuzz: no target is called '$wanted'; there are: $(cargo fuzz list | xargs)" >&2; exit 2; }
for target in $targets; do
  echo "fuzz: $target for $seconds s"
  mkdir -p "fuzz/corpus/$target"
  # Seeds are read only; what is new goes to the first folder.
  cargo fuzz run --release "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 2>&1 |
    grep -E '^(error|warning: unused|thread|.*panicked|==|SUMMARY|stat::|Done|#[0-9]+.*(DONE|pulse)|artifact|.*Test unit)' || true
  [ "${PIPESTATUS[0]}" -eq 0 ] || { echo "fuzz: $target FAILED; the input lies in fuzz/artifacts/$target" >&2; exit 1; }
done
