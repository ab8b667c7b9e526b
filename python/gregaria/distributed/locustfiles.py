"""Locustfiles on their way from a master to workers that were started with `-f -`."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .. import _engine
from ..locustfile import complain, locate
from ..util.directory import get_abspaths_in
from ..util.url import is_url
from .bundle import BundleError, pack, unpack
from .inbox import LOCUST_VERSION
from .link_security import worker_secret

if TYPE_CHECKING:
    from ..env import Environment

PATIENCE_S = 300
NOTE_EVERY_S = 60
FIRST_NOTE_S = 10

WHAT_CAN_BE_SENT = (
    "workers can be given a locustfile if -f names one file, several .py files with commas between them, or a URL"
)


def answer_to_worker(environment: Environment, asked: Any = None) -> dict[str, Any]:
    """What a worker gets that asks for the locustfile: the sources of all of them, or what is wrong.

    One of our own workers gets the whole project as well.
    """
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
    answer: dict[str, Any] = {"locustfiles": sources}
    if isinstance(asked, dict) and "gregaria" in asked and all(isinstance(source, dict) for source in sources):
        extra = getattr(environment.parsed_options, "gregaria_bundle", None) or ()
        try:
            answer["gregaria"] = pack(_files(environment.parsed_locustfiles or []), extra)
        except (BundleError, OSError) as error:
            logging.error("The project cannot be sent to workers: %s", error)
            return {"error": f"the project cannot be sent: {error}"}
    return answer


def _files(names: list[str]) -> list[str]:
    files = [name.strip() for name in names if not Path(name).is_dir()]
    for name in names:
        if Path(name).is_dir():
            files.extend(get_abspaths_in(name, extension=".py"))
    return files


def fetch_from_master(options: Namespace) -> list[str]:
    """The paths of the locustfiles that the master sends, in a folder of their own; exits if it sends none."""
    host, port = options.master_host, options.master_port
    answer = _ask(host, port, worker_secret(options))
    if answer is None:
        complain(f"Got no locustfile response from master, gave up after {PATIENCE_S}s")
    if "error" in answer:
        complain(f"Got error from master: {answer['error']}")
    if "gregaria" in answer:
        return _take_project(answer["gregaria"])
    folder = Path(tempfile.mkdtemp(prefix="gregaria-"))
    paths: list[str] = []
    for source in answer["locustfiles"]:
        if isinstance(source, str):
            paths.extend(locate(source))
        else:
            # Only the last part of the name: a master does not choose where a worker writes.
            path = folder / Path(source["filename"]).name
            path.write_text(source["contents"], encoding="utf-8")
            paths.append(str(path))
    return paths


def _take_project(bundle: dict[str, Any]) -> list[str]:
    try:
        folder, paths = unpack(bundle)
    except (BundleError, OSError, KeyError, TypeError) as error:
        complain(f"gregaria: error: the master's project cannot be used: {error}")
    os.chdir(folder)
    return paths


def _ask(host: str, port: int, secret: str | None) -> dict[str, Any] | None:
    id = f"{socket.gethostname()}_download_locustfile_{uuid4().hex}"
    waited = 0
    while waited < PATIENCE_S:
        step = FIRST_NOTE_S if waited == 0 else min(NOTE_EVERY_S, PATIENCE_S - waited)
        try:
            answer = _engine.ask_master(
                host, port, id, "locustfile", {"version": LOCUST_VERSION, "gregaria": 1}, timeout_s=step, secret=secret
            )
        except ConnectionError as error:
            complain(f"gregaria: error: the master at {host}:{port} cannot be asked for the locustfile: {error}")
        if answer is not None:
            return dict(answer)
        waited += step
        sys.stderr.write(f"Waiting for the locustfile from the master at {host}:{port}\n")
    return None
