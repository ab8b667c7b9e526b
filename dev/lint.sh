#!/usr/bin/env bash
# Every check that reads the source and runs nothing of it, one line each while they pass; stops at the first that fails.
# Called by `make lint`, which installs the tools and the wheel first (stubtest compares the stub with the built module).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin

step() {
  local name=$1 started=$SECONDS
  shift
  "$@" || { echo "lint: $name FAILED" >&2; exit 1; }
  printf 'lint: %-22s ok (%d s)\n' "$name" $((SECONDS - started))
}

step 'cargo fmt' cargo fmt --all --check
step 'cargo fmt: fuzz' cargo fmt --manifest-path fuzz/Cargo.toml --check
step 'clippy' cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
step 'page: types' npm --prefix webui run --silent check:types
step 'page: biome' npm --prefix webui run --silent check:style
step 'ruff check' "$bin/ruff" check --quiet .
step 'ruff format' "$bin/ruff" format --check --quiet .
step 'mypy: the package' "$bin/mypy" -p gregaria -p gregaria_command -p gregaria_pytest
step 'mypy: tools' "$bin/mypy" dev bench/*.py
# Locustfiles import `locust`; the stubs say that it is ours. Those of users have no annotations of their own.
.venv/bin/python dev/build_locust_wheel.py --stubs target/stubs
step 'mypy: examples' env MYPYPATH=python:bench:target/stubs "$bin/mypy" examples/*.py tests/support/typed_use.py
locustfiles=()
[ -d "${GREGARIA_ACCEPTANCE:=../shared/acceptance}" ] && locustfiles=($(ls "$GREGARIA_ACCEPTANCE"/*.py | grep -v shop_api))
[ ${#locustfiles[@]} = 0 ] || step 'mypy: locustfiles' env MYPYPATH=python:bench:target/stubs "$bin/mypy" \
  --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls "${locustfiles[@]}"
step 'pyright: locustfiles' "$bin/python" dev/check_types.py examples/*.py tests/support/typed_use.py ${locustfiles[@]+"${locustfiles[@]}"}
step 'stubtest' "$bin/python" -m mypy.stubtest --concise --allowlist dev/stubtest_allowlist.txt gregaria._engine
step 'layers' "$bin/python" dev/check_layers.py
step 'file sizes' "$bin/python" dev/check_sizes.py
step 'pages of options' "$bin/python" dev/make_option_pages.py --check
step 'links' "$bin/python" dev/check_links.py
