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

known=$(cargo fuzz list)
targets=$(grep -E -e "$wanted" <<<"$known") || { echo "fuzz: no target is called '$wanted'; there are: ${known//$'\n'/ }" >&2; exit 2; }
for target in $targets; do
  mkdir -p "fuzz/corpus/$target" fuzz/artifacts
  log=fuzz/artifacts/$target.log
  echo "fuzz: building $target"
  cargo fuzz build --release "$target" 2>"$log" || { cat "$log" >&2; exit 1; }
  # What is new goes to the first folder; seeds are only read.
  cargo fuzz run --release "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 >"$log" 2>&1 ||
    { tail -n 60 "$log" >&2; echo "fuzz: $target FAILED; the input lies in fuzz/artifacts/$target" >&2; exit 1; }
  echo "fuzz: $target: $(sed -n 's/^Done \(.*\) runs in \(.*\) second.*/\1 inputs in \2 s/p' "$log"), nothing found"
done
