"""The table of options, as the program sees it.

It lives in `gregaria_command` because `gregaria --help` must not import this package; see there.
"""

from __future__ import annotations

from gregaria_command.options import (
    ALLOWED,
    COMMON,
    GROUPS,
    HTTP_VERSIONS,
    LOCUST_PREFIX,
    LOG_LEVELS,
    LOSS_POLICIES,
    OPTIONS,
    OWN_PREFIX,
    SHELLS,
    USERS,
    Kind,
    Option,
)

__all__ = [
    "ALLOWED",
    "COMMON",
    "GROUPS",
    "HTTP_VERSIONS",
    "LOCUST_PREFIX",
    "LOG_LEVELS",
    "LOSS_POLICIES",
    "OPTIONS",
    "OWN_PREFIX",
    "SHELLS",
    "USERS",
    "Kind",
    "Option",
    "start_form",
]


def start_form() -> dict[str, Option]:
    """The options that the fields of the web UI's start form stand for, by the name of the field."""
    return {option.form: option for option in OPTIONS if option.form}
