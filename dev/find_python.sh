#!/usr/bin/env bash
# Prints the path of a CPython on this machine that can make virtual environments: any of 3.11 to 3.13 (`python3` first),
# or exactly the version given, such as 3.12. Looks on PATH and in pyenv's folder; must not install anything.
set -euo pipefail
wanted=${1:-}

suitable() {
  local candidate=$1
  command -v "$candidate" >/dev/null 2>&1 || return 1
  "$candidate" - "$wanted" 2>/dev/null <<'PYTHON'
import sys
import ensurepip, venv  # Debian keeps these in a package of their own

version = "%d.%d" % sys.version_info[:2]
fits = version == sys.argv[1] if sys.argv[1] else version in ("3.11", "3.12", "3.13")
if not (fits and sys.implementation.name == "cpython"):
    sys.exit(1)
print(sys.executable)
PYTHON
}

shopt -s nullglob
for version in ${wanted:-3.11 3.12 3.13}; do
  numbered+=("python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python)
done
for candidate in "${PYTHON:-python3}" "${numbered[@]}"; do
  suitable "$candidate" && exit 0
done
echo "no CPython ${wanted:-3.11, 3.12 or 3.13} with the venv module found on PATH or in pyenv (set PYTHON=/path/to/python)" >&2
exit 1
