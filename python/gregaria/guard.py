"""What becomes of exceptions in a runner's greenlets: `StopTest` ends the test, anything else is told and noted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .exception import StopTest
from .log import greenlet_exception_logger, note_unhandled_exception, of_user_code

if TYPE_CHECKING:
    from .env import Environment

logger = logging.getLogger("locust.runners")


def guarded(environment: Environment, run: Callable[..., Any]) -> Callable[..., Any]:
    """``run`` with its errors told: `StopTest` stops the test with one line, anything else is logged as critical."""

    def run_guarded(*args: Any) -> Any:
        try:
            return run(*args)
        except StopTest as error:
            _stop_test(environment, error)
        except Exception as error:
            logger.critical("Unhandled exception: no more users are started or stopped", exc_info=of_user_code(error))
            note_unhandled_exception()
        return None

    return run_guarded


def locust_exception_handler(environment: Environment) -> Callable[[Any], None]:
    """For `greenlet.link_exception` of greenlets that a script adds: the same, for a greenlet that has died."""
    log_it = greenlet_exception_logger(logger)

    def handle(greenlet: Any) -> None:
        error = greenlet.exc_info[1]
        if isinstance(error, StopTest):
            _stop_test(environment, error)
        else:
            log_it(greenlet)

    return handle


def _stop_test(environment: Environment, error: StopTest) -> None:
    logger.error(error)
    logger.warning("Stopping Locust...")
    # A test that could not begin has not passed, whatever Locust says.
    if environment.process_exit_code is None:
        environment.process_exit_code = 1
    assert environment.runner is not None
    environment.runner.stop_or_quit()
