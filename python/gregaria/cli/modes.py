"""Modes: whether this process runs the test alone, coordinates others, or works for a master.

The rest of the command treats all runners alike.
"""

from __future__ import annotations

import logging
import sys
import time
from argparse import Namespace
from typing import Any

import gevent

from gregaria.env import Environment

logger = logging.getLogger("locust.main")

QUIET_S = 5.0
"""Waiting for workers is nothing to talk about before that."""
LOOK_EVERY_S = 1.0


def check_modes(options: Namespace) -> None:
    """Refuse modes that exclude each other, and leave out what has no meaning in this one."""
    if options.master and options.worker:
        logger.error("The --master argument cannot be combined with --worker")
        sys.exit(-1)
    if options.worker:
        if options.run_time:
            logger.debug("--run-time specified for a worker node will be ignored.")
        if options.autostart:
            logger.debug("The --autostart argument has no meaning on a worker.")
        options.run_time = None
        options.autostart = False


def create_runner(environment: Environment, options: Namespace) -> None:
    """Make the runner of this mode; exits if the master cannot be reached."""
    if options.master:
        environment.create_master_runner(options.master_bind_host, options.master_bind_port)
    elif options.worker:
        _create_worker_runner(environment, options)
    else:
        environment.create_local_runner()


def _create_worker_runner(environment: Environment, options: Namespace) -> None:
    try:
        environment.create_worker_runner(options.master_host, options.master_port)
    except (ConnectionError, OSError) as error:
        logger.error("Failed to connect to the Locust master: %s", error)
        sys.exit(-1)
    except KeyboardInterrupt:
        sys.exit(1)
    logger.debug("Connected to locust master: %s:%s%s", options.master_host, options.master_port, options.web_base_path)


def wait_for_workers(runner: Any, options: Namespace) -> None:
    """On a master: return when as many workers are ready as are expected; exits if they do not come."""
    began = time.monotonic()
    while (ready := runner._ready_count()) < options.expect_workers:
        waited = time.monotonic() - began
        if options.expect_workers_max_wait and waited > options.expect_workers_max_wait:
            logger.error("Gave up waiting for workers to connect")
            runner.quit()
            sys.exit(1)
        logger.log(
            logging.DEBUG if waited < QUIET_S else logging.INFO,
            "Waiting for workers to be ready, %s of %s connected",
            ready,
            options.expect_workers,
        )
        gevent.sleep(min(LOOK_EVERY_S, max(0.05, waited)))
