"""The manual page, made from the table of options, in the language of `man`. Text only."""

from __future__ import annotations

from collections.abc import Iterator

from .help import EXAMPLES, option_names
from .options import ALLOWED, GROUPS, OPTIONS, Option

EXIT_CODES = (
    ("0", "The test has passed."),
    ("1", "Requests failed or tasks raised exceptions; --exit-code-on-error changes the number."),
    ("2", "The options are wrong, or an exception came where nobody could handle it."),
    ("3", "A condition of --fail-if was met."),
    ("4", "--strict was given, and the load generator was the limit."),
    ("128+n", "A second signal n ended the run at once."),
)
FILES = (
    ("~/.locust.conf, ~/.gregaria.conf", "Settings for all tests of a person."),
    ("locust.conf, gregaria.conf", "Settings for the tests of a directory."),
    ("pyproject.toml", "The tables [tool.locust] and [tool.gregaria]."),
)


def page() -> str:
    """The whole page."""
    return "\n".join([*_begin(), *_options(), *_rest(), ""])


def _begin() -> Iterator[str]:
    yield '.TH GREGARIA 1 "" "Gregaria" "User Commands"'
    yield from (".SH NAME", "gregaria \\- load test with Locust's locustfiles")
    yield from (".SH SYNOPSIS", ".B gregaria", "[\\fIoptions\\fR] [\\fIUserClass\\fR ...]")
    yield ".SH DESCRIPTION"
    yield from ("Runs a locustfile, which says in Python what users of a site do, with as many users as wanted, and",)
    yield "reports response times and failures."


def _options() -> Iterator[str]:
    yield ".SH OPTIONS"
    for group, description in GROUPS.items():
        options = [each for each in OPTIONS if each.group == group and not each.is_removed and not each.hidden]
        if not options:
            continue
        yield f".SS {_text(group)}"
        if description:
            yield _text(description)
        for option in options:
            yield ".TP"
            yield f"\\fB{_text(option_names(option))}\\fR"
            yield _text(option.help)
            yield from _details(option)


def _details(option: Option) -> Iterator[str]:
    details = []
    if option.kind in ALLOWED and option.kind not in ("text", "path", "flag", "user classes", "config file"):
        details.append(f"Takes {ALLOWED[option.kind]}.")
    if option.default not in (None, ""):
        details.append(f"Default: {option.default}.")
    if option.variables:
        details.append(f"Environment: {', '.join(option.variables)}.")
    if details:
        yield _text(" ".join(details))


def _rest() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES:
        yield from (".TP", f"\\fB{code}\\fR", _text(meaning))
    yield ".SH FILES"
    yield "The command line wins over the environment, and that over files; of files, those further down win."
    for name, meaning in FILES:
        yield from (".TP", f"\\fI{_text(name)}\\fR", _text(meaning))
    yield ".SH EXAMPLES"
    for example in EXAMPLES:
        yield from (".PP", ".nf", f".RS\n{_text(example)}\n.RE", ".fi")


def _text(text: str) -> str:
    """Text that `man` shows as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped
