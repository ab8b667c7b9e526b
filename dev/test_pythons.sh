#!/usr/bin/env bash
# Runs the Python tests under each of CPython 3.11, 3.12 and 3.13 that this machine has, each in a virtual environment of its
# own (.venvs/py3.X) with a wheel built for it. Says which versions were missing; fails if any run failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-target}
install=(-m pip --disable-pip-version-check --quiet install -c dev/constraints.txt)
verdicts=() failed=0

for version in 3.11 3.12 3.13; do
  if ! python=$(dev/find_python.sh "$version" 2>/dev/null); then
    verdicts+=("$version: not on this machine")
    continue
  fi
  venv=.venvs/py$version wheels=$target/wheel-$version
  echo "== CPython $version ($python)"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  rm -rf "$wheels"
  PYO3_PYTHON=$PWD/$venv/bin/python .venv/bin/maturin build --release --locked --auditwheel skip \
    --interpreter "$venv/bin/python" --out "$wheels"
  "$venv/bin/python" "${install[@]}" --force-reinstall --no-deps "$wheels"/gregaria-*.whl
  "$venv/bin/python" "${install[@]}" -r dev/requirements-test.txt "$wheels"/gregaria-*.whl
  if GREGARIA_COMMAND=$PWD/$venv/bin/gregaria "$venv/bin/python" -m pytest tests -p no:cacheprovider; then
    verdicts+=("$version: passed")
  else
    verdicts+=("$version: FAILED")
    failed=1
  fi
done

printf 'CPython %s\n' "${verdicts[@]}"
exit "$failed"
