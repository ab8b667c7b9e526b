"""Locustfiles on their way from a master to workers that were started with `-f -`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..util.directory import get_abspaths_in
from ..util.url import is_url

if TYPE_CHECKING:
    from ..env import Environment

WHAT_CAN_BE_SENT = (
    "locustfile must be a full path to a single locustfile, a comma-separated list of .py files, or a URL for file "
    "distribution to work"
)


def answer_to_worker(environment: Environment) -> dict[str, Any]:
    """What a worker gets that asks for the locustfile: the sources of all of them, or what is wrong."""
    logging.debug("Worker requested locust file")
    sources: list[str | dict[str, str]] = []
    named = ""
    try:
        for named in _files(environment.parsed_locustfiles or []):
            if is_url(named):
                sources.append(named)
            else:
                path = Path(named)
                sources.append({"filename": path.name, "contents": path.read_text(encoding="utf-8")})
    except (OSError, UnicodeDecodeError) as error:
        logging.error("%s %s", WHAT_CAN_BE_SENT, error)
        return {"error": f"{WHAT_CAN_BE_SENT} (was '{named}')"}
    return {"locustfiles": sources}


def _files(names: list[str]) -> list[str]:
    files = [name.strip() for name in names if not Path(name).is_dir()]
    for name in names:
        if Path(name).is_dir():
            files.extend(get_abspaths_in(name, extension=".py"))
    return files
