"""The table of options, as the program sees it.

It lives in `gregaria_command` because `gregaria --help` must not import this package; see there.
"""

from __future__ import annotations

from gregaria_command.options import COMMON, GROUPS, OPTIONS, USERS, Option

__all__ = ["COMMON", "GROUPS", "OPTIONS", "USERS", "Option"]
