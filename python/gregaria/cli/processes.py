"""`--processes`: this process forks workers, and is their master or, with `--worker`, only waits for them.

    import locustfile ─ fork ┬ worker … worker          (children: no limits, files or web UI of their own)
                             └ master, or wait          (parent)

Threads do not survive a fork, so this comes before anything that starts the engine.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import secrets
import signal
import socket
import sys
import time
from argparse import Namespace
from typing import NoReturn

import gevent

from gregaria import _engine
from gregaria.distributed.link_security import given_secret, is_loopback

logger = logging.getLogger("locust.main")

LAST_OUTPUT_S = 3.0
"""What children get to end by themselves."""
NOT_FOR_CHILDREN = {
    "run_time": None,
    "autostart": False,
    "csv_prefix": None,
    "stats_history_enabled": False,
    "html_file": None,
    "print_stats": False,
    "json": False,
    "json_file": None,
}
PR_SET_PDEATHSIG = 1
DEFAULT_PORT = 5557


def fork_processes(options: Namespace) -> None:
    """Fork if `--processes` asks for it; returns in each child, and in the parent only if it is to be the master."""
    if options.processes is None:
        return
    count = _count(options)
    if _engine.engine_is_running():
        logger.error(
            "--processes: the locustfile has made requests while it was imported, and what that has started does not "
            "survive a fork. Move them into a listener of `init` or `test_start`."
        )
        sys.exit(1)
    if not options.worker:
        _prepare_master(options)
    gc.freeze()
    children: list[int] = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            _become_worker(options)
            return
        logger.debug("Started child worker with pid #%d", child)
        children.append(child)
    if options.worker:
        _wait_and_exit(children)
    options.master = True
    options.expect_workers = count
    atexit.register(_end, children)


def _count(options: Namespace) -> int:
    if options.processes == -1:
        return len(os.sched_getaffinity(0))
    if options.processes < 1:
        sys.stderr.write(f"Invalid --processes count {options.processes}\n")
        sys.exit(1)
    if options.master:
        sys.stderr.write(
            "--master cannot be combined with --processes. Remove --master, as it is implicit as long as --worker is "
            "not set.\n"
        )
        sys.exit(1)
    return int(options.processes)


def _prepare_master(options: Namespace) -> None:
    """Agree on address and secret while there is only one process to tell."""
    if options.master_bind_host == "*":
        # Nobody but the children is expected, so nobody else need reach it.
        options.master_bind_host = "127.0.0.1"
    if options.master_bind_port == DEFAULT_PORT:
        options.master_bind_port = options.master_port
        if options.master_port == DEFAULT_PORT and _is_busy(options.master_bind_host, DEFAULT_PORT):
            options.master_bind_port = _free_port(options.master_bind_host)
    options.master_port = options.master_bind_port
    beyond = not is_loopback(options.master_bind_host)
    if beyond and not options.gregaria_insecure_cluster and given_secret(options) is None:
        options.gregaria_cluster_secret = secrets.token_urlsafe(24)


def _is_busy(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _become_worker(options: Namespace) -> None:
    options.worker = options.gregaria_forked = True
    for name, value in NOT_FOR_CHILDREN.items():
        setattr(options, name, value)
    # The terminal's Ctrl-C reaches everybody; the parent tells the children in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (AttributeError, OSError):
        logger.debug("This system does not tell a child that its parent has died")


def _wait_for(children: list[int], seconds: float) -> list[int]:
    """Exit codes of those that ended in time; they are taken off the list."""
    codes: list[int] = []
    deadline = time.monotonic() + seconds
    while children and time.monotonic() < deadline:
        for child in list(children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                children.remove(child)
                codes.append(os.waitstatus_to_exitcode(status))
        gevent.sleep(0.02)
    return codes


def _end(children: list[int]) -> None:
    """When the master ends: give the workers time to end, then make them."""
    codes = _wait_for(children, LAST_OUTPUT_S)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for child in children:
            os.kill(child, number)
        codes.extend(_wait_for(children, LAST_OUTPUT_S))
    if worst := max((code for code in codes if code > 1), default=0):
        logger.error("Bad response code from worker children: %d", worst)


def _wait_and_exit(children: list[int]) -> NoReturn:
    """The parent of workers whose master is elsewhere."""
    interrupts = 0

    def on_interrupt(_number: int, _frame: object) -> None:
        nonlocal interrupts
        interrupts += 1
        for child in children:
            os.kill(child, signal.SIGTERM if interrupts == 1 else signal.SIGKILL)
        if interrupts > 1:
            sys.exit(1)

    signal.signal(signal.SIGINT, on_interrupt)
    signal.signal(signal.SIGTERM, on_interrupt)
    codes: list[int] = []
    while children:
        codes.extend(_wait_for(children, 1.0))
    sys.exit(max(codes, default=0))
