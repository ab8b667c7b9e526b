#!/usr/bin/env bash
# Runs the Rust tests: with nextest where it is installed, else with cargo's own runner, then the examples in the docs.
# Test programs that embed Python need to find its library, which may lie outside the system's folders.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

libdir=$("$PYO3_PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
export LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --locked
else
  cargo test --workspace --locked --lib --bins --tests
fi
cargo test --workspace --locked --doc --quiet
