"""Builds the wheel of `gregaria-locust`: build_locust_wheel.py FOLDER; with --stubs only its stubs, for `make lint`.

Beside the few lines of code it gets a stub for each module of Gregaria, so that editors and type checkers, which do not
run the import hook, find `locust.env` and the rest too.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "distributions" / "gregaria-locust"
PACKAGE = REPOSITORY / "python" / "gregaria"


def module_names() -> list[str]:
    """All public modules of the package, dotted, the package itself as an empty name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") or part == "cli" for part in parts):
            found.append(".".join(parts))
    return found


def write_stubs(folder: Path) -> None:
    """One stub for each module, which says that it has everything that Gregaria's has."""
    names = module_names()
    for name in names:
        place = folder.joinpath(*name.split(".")) if name else folder
        is_package = not name or any(other.startswith(f"{name}.") for other in names)
        stub = place / "__init__.pyi" if is_package else place.with_suffix(".pyi")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"from gregaria{'.' if name else ''}{name} import *\n")


def main() -> None:
    """Make the wheel in a copy of its folder, so that nothing is left behind here."""
    target = Path(sys.argv[-1]).resolve()
    if "--stubs" in sys.argv:
        write_stubs(target / "locust")
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / SOURCE.name
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        write_stubs(copy / "locust")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", str(target), str(copy)], check=True)


if __name__ == "__main__":
    main()
