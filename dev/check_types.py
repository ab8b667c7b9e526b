"""Runs pyright in strict mode over locustfiles: check_types.py FILE_OR_FOLDER... (`make lint` does, after mypy).

`locust` is what target/stubs says (dev/build_locust_wheel.py). A file whose own parameters have no annotations cannot
pass in strict mode, whatever it imports; there the reports that follow from that are off, and all others on.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PYRIGHT = REPOSITORY / "dev/pyright/node_modules/pyright/index.js"
FOLDER = REPOSITORY / "target/pyright"
STRICT = {
    "pythonVersion": "3.11",
    "typeCheckingMode": "strict",
    # Stubs alone stand for `locust` here.
    "reportMissingModuleSource": "none",
}
OF_UNKNOWN_PARAMETERS = (
    "reportMissingParameterType",
    "reportUnknownParameterType",
    "reportUnknownMemberType",
    "reportUnknownVariableType",
    "reportUnknownArgumentType",
)


def is_annotated(path: Path) -> bool:
    """Whether every parameter in the file has an annotation."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            if any(each and each.annotation is None and each.arg not in ("self", "cls") for each in named):
                return False
    return True


def found_wrong(name: str, files: list[Path], off: tuple[str, ...]) -> bool:
    """Whether pyright objects to any of these files; it prints what."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {
        **STRICT,
        **dict.fromkeys(off, "none"),
        "include": [os.path.relpath(path, folder) for path in files],
        "extraPaths": [os.path.relpath(REPOSITORY / path, folder) for path in ("python", "target/stubs", "bench")],
        "venvPath": os.path.relpath(REPOSITORY, folder),
        "venv": ".venv",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(configuration, indent=1), encoding="utf-8")
    done = subprocess.run(["node", str(PYRIGHT), "-p", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr)
    return done.returncode != 0


def main(arguments: list[str]) -> int:
    """Check; returns the exit code."""
    files = [path for given in map(Path, arguments) for path in (sorted(given.glob("*.py")) or [given])]
    annotated = [path for path in files if is_annotated(path)]
    others = [path for path in files if path not in annotated]
    wrong = [
        found_wrong(name, group, off)
        for name, group, off in (("strict", annotated, ()), ("unannotated", others, OF_UNKNOWN_PARAMETERS))
        if group
    ]
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
