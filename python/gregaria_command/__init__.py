"""The `gregaria` command: answers `--version` and `--help` at once, and starts the program for everything else.

It stands apart from the `gregaria` package because importing that one loads gevent and requests and patches the
interpreter; nothing here may import it before `main` has decided to run.
"""

from __future__ import annotations

import sys

__all__ = ["main", "version_line"]


USER_CLASSES = "--complete-user-classes"
"""What completion scripts call with a locustfile behind it."""
COMPLETION = ("--completion", "--gregaria-completion")


def main() -> None:
    """Entry point of the console script."""
    asked = _asked_for(sys.argv[1:])
    if sys.argv[1:2] == [USER_CLASSES]:
        from .classes import user_classes

        print("\n".join(user_classes(",".join(sys.argv[2:]))))
        return
    if sys.argv[1:2] in (["report"], ["compare"]):
        from gregaria.cli.tools import main as tool

        sys.exit(tool(sys.argv[1:]))
    if asked == "version":
        print(version_line())
    elif asked == "help":
        from .help import show

        show()
    elif asked == "completion":
        _print_completion(sys.argv[1:])
    else:
        from gregaria.main import main as run

        run()


def _print_completion(arguments: list[str]) -> None:
    from .completion import script
    from .options import ALLOWED, SHELLS

    place = next(index for index, argument in enumerate(arguments) if argument.split("=")[0] in COMPLETION)
    _, equals, shell = arguments[place].partition("=")
    if not equals:
        shell = arguments[place + 1] if len(arguments) > place + 1 else ""
    if shell not in SHELLS:
        sys.stderr.write(f"gregaria: error: argument --completion: {shell!r} is not {ALLOWED['shell']}\n")
        sys.exit(2)
    print(script(shell), end="")


def version_line() -> str:
    """`gregaria <version> from <package directory> (Python <version>)`."""
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    try:
        number = version("gregaria")
    except PackageNotFoundError:
        number = "unknown"
    spec = find_spec("gregaria")
    places = spec.submodule_search_locations if spec else None
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"gregaria {number} from {places[0] if places else '?'} (Python {python})"


def _asked_for(arguments: list[str]) -> str | None:
    for argument in arguments:
        if argument in ("-h", "--help"):
            return "help"
        if argument in ("-V", "--version"):
            return "version"
        if argument.split("=")[0] in COMPLETION:
            return "completion"
        if argument == "--":
            return None
    return None
