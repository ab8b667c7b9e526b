#!/usr/bin/env bash
# Builds the wheels that could be published: build_wheels.sh FOLDER, one for each of CPython 3.11 to 3.13 on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1
pythons=()
for version in 3.11 3.12 3.13; do
  if python=$(dev/find_python.sh "$version" 2>/dev/null); then
    pythons+=("$python")
  else
    echo "no wheel for CPython $version: not on this machine" >&2
  fi
done
rm -rf "$folder"
for python in "${pythons[@]}"; do
  env -u PYO3_PYTHON .venv/bin/maturin build --release --locked --interpreter "$python" --out "$folder"
done
.venv/bin/python dev/build_locust_wheel.py "$folder"
ls -l "$folder"
