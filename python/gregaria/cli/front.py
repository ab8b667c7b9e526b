"""Front ends: what starts the test, what a reached limit means, and how long the process lives.

    create ─ (init event) ─ serve ─ join ······························· close
                                │     └ returns when the process shall end
                                └ a test of its own accord if `automatic`, else when a person asks for it

A front end knows neither options' spellings nor outputs; `cli.run` calls it and nobody else.
"""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable
from typing import Any, Protocol

import gevent
from gevent.event import Event

logger = logging.getLogger("locust.main")

SHUTTING_DOWN = "%s, shutting down"


class FrontEnd(Protocol):
    """The part of a run that a person (or nobody) sits in front of."""

    web_ui: Any
    """What the `init` event gets as `web_ui`; None without one."""
    automatic: bool
    """Whether the test starts at once, without being asked for."""

    @property
    def url(self) -> str | None:
        """Where a browser finds it, for the Enter key."""

    def create(self) -> None:
        """Make what the `init` event hands to listeners; nothing is served yet. OSError if it cannot be served."""

    def serve(self) -> None:
        """Begin to serve; called after `init`, before the test."""

    def join(self) -> None:
        """Wait until the process shall end by itself; a signal may come first."""

    def limit_reached(self, reason: str) -> None:
        """The run-time limit is reached or the shape is done: end the test, and perhaps the process."""

    def close(self) -> None:
        """Serve no longer; called once, at the very end."""


class Headless:
    """No front end: the test starts at once, and the process ends with it."""

    web_ui: Any = None
    url: str | None = None
    automatic = True

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def create(self) -> None:
        """Nothing is needed."""

    def serve(self) -> None:
        """Nothing is served."""

    def join(self) -> None:
        """Until the runner has nothing left that runs."""
        self._runner.greenlet.join()

    def limit_reached(self, reason: str) -> None:
        """End the test, and with it the process."""
        logger.info(SHUTTING_DOWN, reason)
        self._runner.quit()

    def close(self) -> None:
        """Nothing is open."""


class Worker(Headless):
    """The front end of a worker: the master starts and ends the tests, and the process ends when it says so."""

    automatic = False

    def limit_reached(self, reason: str) -> None:
        """A worker has no limits of its own."""


class Web:
    """The web UI: it starts tests when asked (at once with --autostart), and stays when they have ended.

    `create_web_ui` is `Environment.create_web_ui`; the object it returns has `start()`, `stop()` and `greenlet`.
    """

    def __init__(self, runner: Any, options: Namespace, create_web_ui: Callable[..., Any], csv_writer: Any) -> None:
        self.web_ui: Any = None
        self.automatic = bool(options.autostart)
        self._runner = runner
        self._options = options
        self._create_web_ui = create_web_ui
        self._csv_writer = csv_writer
        self._left = Event()
        self._host = options.web_host

    @property
    def url(self) -> str:
        """The address for people: as configured, not as bound."""
        options = self._options
        if self._host in ("", "*") and options.web_host_display_name:
            return str(options.web_host_display_name)
        protocol = "https" if options.tls_cert and options.tls_key else "http"
        host = {"": "127.0.0.1", "*": "0.0.0.0"}.get(self._host, self._host)
        return f"{protocol}://{f'[{host}]' if ':' in host else host}:{options.web_port}{options.web_base_path}"

    def create(self) -> None:
        """Make the web UI, which does not listen before `serve`."""
        options = self._options
        logger.info("Starting web interface at %s, press enter to open your default browser.", self.url)
        self.web_ui = self._create_web_ui(
            host=self._host,
            port=options.web_port,
            web_base_path=options.web_base_path,
            web_login=options.web_login,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
            stats_csv_writer=self._csv_writer,
            delayed_start=True,
            userclass_picker_is_active=options.class_picker,
            build_path=options.build_path,
        )

    def serve(self) -> None:
        """Begin to listen."""
        self.web_ui.start()

    def join(self) -> None:
        """Until --autoquit, or until the web UI ends for a reason of its own."""
        serving = gevent.spawn(self.web_ui.greenlet.join)
        serving.link(lambda _: self._left.set())
        self._left.wait()
        serving.kill(block=False)

    def limit_reached(self, reason: str) -> None:
        """End the test; the process stays unless --autoquit says how long."""
        logger.info("%s, stopping test", reason)
        self._runner.stop()
        if self._options.autoquit == -1:
            logger.info("--autoquit not specified, leaving web ui running indefinitely")
            return
        gevent.sleep(self._options.autoquit)
        logger.info(SHUTTING_DOWN, "--autoquit time reached")
        self._runner.quit()
        self._left.set()

    def close(self) -> None:
        """Stop listening."""
        if self.web_ui is not None:
            self.web_ui.stop()


def front_end(environment: Any, options: Namespace, csv_writer: Any = None) -> FrontEnd:
    """The front end that the options ask for."""
    if options.worker:
        return Worker(environment.runner)
    if options.headless:
        if options.autostart:
            logger.info("The --autostart argument is implied by --headless, no need to set both.")
        return Headless(environment.runner)
    return Web(environment.runner, options, environment.create_web_ui, csv_writer)
