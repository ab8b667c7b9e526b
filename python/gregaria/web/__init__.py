"""The web UI: `WebUI`, with Locust's attributes and methods.

The server is the engine's and has a thread of its own; the hub hands it the figures once a second (`status`), and
answers what only Python can (`answers`, `swarm`; with a Flask application, `flask_app`).

    init listeners ─ start() ─ … tick, tick, tick (a greenlet) … ─ stop()
                               answers, a greenlet each
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from argparse import Namespace
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
import gevent.socket

from gregaria import _engine, stats
from gregaria.argument_parser import web_secrets
from gregaria.log import greenlet_exception_logger

from .answers import Answers
from .arguments import template_arguments
from .bridge import Answer, Bridge, Request
from .login_page import AuthArgs, AuthProvider, CustomForm, InputField
from .status import Teller
from .swarm import Swarm

if TYPE_CHECKING:
    from gregaria.cli.run_store import KeptRuns
    from gregaria.cli.verdict import ThresholdVerdict
    from gregaria.env import Environment

__all__ = [
    "DEFAULT_CACHE_TIME",
    "HOST_IS_REQUIRED",
    "AuthArgs",
    "AuthProvider",
    "CustomForm",
    "InputField",
    "WebUI",
    "logger",
]

logger = logging.getLogger("locust.web")

DEFAULT_CACHE_TIME = 2.0
"""Has no effect: the figures of `/stats/requests` are never old."""
HOST_IS_REQUIRED = False
"""Whether the start form insists on a host."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WebServerHandle:
    """What `WebUI.server` is: something to stop."""

    def __init__(self, web_ui: WebUI) -> None:
        self._web_ui = web_ui

    def stop(self) -> None:
        """Stop serving."""
        self._web_ui.stop()


class WebUI:
    """The web UI of an environment. `environment.create_web_ui` makes one."""

    greenlet: gevent.Greenlet[..., Any] | None = None
    """Lives as long as the server serves."""
    server: WebServerHandle | None = None
    """Has a `stop` method."""
    template_args: dict[str, Any]
    """Arguments of the page; what listeners put here reaches it."""
    auth_args: AuthArgs
    """Arguments of the login page."""

    def __init__(
        self,
        environment: Environment,
        host: str,
        port: int,
        web_base_path: str | None = None,
        web_login: bool = False,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        stats_csv_writer: Any = None,
        delayed_start: bool = False,
        userclass_picker_is_active: bool = False,
        build_path: str | None = None,
        **more: Any,
    ) -> None:
        if bool(tls_cert) != bool(tls_key):
            raise ValueError("a web UI over HTTPS needs both tls_cert and tls_key")
        self.settings = {**_settings_of(environment), **more}
        environment.web_ui = self
        self.environment = environment
        self.host = host
        self.port = port
        """Where it listens; the real port once it does, if 0 was asked for."""
        self.web_base_path = (web_base_path or "").rstrip("/")
        self.web_login = web_login
        self.tls_cert = tls_cert or None
        self.tls_key = tls_key or None
        self.stats_csv_writer = stats_csv_writer
        self.userclass_picker_is_active = userclass_picker_is_active
        self.build_path = Path(build_path).resolve() if build_path else None
        self.template_args = {}
        self.auth_args = {}
        self.thresholds: Callable[[], Iterable[ThresholdVerdict]] = tuple
        """How it stands with the thresholds of the run; the command sets it."""
        self.kept_runs: KeptRuns | None = None
        """The history of runs; the command sets it."""
        self.swarm = Swarm(self)
        self._app: Any = None
        self._login_manager: Any = None
        self._engine: _engine.WebServer | None = None
        self._bridge: Bridge | None = None
        self._ended = gevent.event.Event()
        self.teller = Teller(self)
        self.answers = Answers(self)
        if web_login and not self.settings.get("credentials"):
            _ = self.app  # its login guards everything
        if self.build_path:
            _ = self.app  # serves another page
            if not (self.build_path / "index.html").is_file():
                logger.warning("There is no index.html in %s (--build-path): the page is our own", self.build_path)
        if environment.runner is not None:
            self.update_template_args()
        if not delayed_start:
            self.start()

    def start(self) -> None:
        """Listen and serve; OSError if the port cannot be had."""
        if self.greenlet is not None:
            return
        self._engine = engine = _engine.WebServer(self._engine_settings())
        asked, self.port = self.port, self._bind(engine)
        if asked == 0:
            logger.info("The web interface listens at %s", self.url)
        engine.through_flask = self._app is not None
        engine.count_from(self.environment.stats)
        if self.run_store is not None:
            engine.show_runs(self.run_store)
        engine.start()
        self.server = WebServerHandle(self)
        self._bridge = Bridge(engine, self.answer, self.teller)
        self._bridge.start()
        self.greenlet = gevent.spawn(self._ended.wait)

    def _bind(self, engine: _engine.WebServer) -> int:
        host = self._bind_host()
        try:
            return engine.bind(host, self.port, self.tls_cert, self.tls_key)[1]
        except OSError as error:
            way_out = {
                errno.EADDRINUSE: f"port {self.port} is in use already; choose another one with --web-port, or end the "
                "program that has it",
                errno.EACCES: f"port {self.port} needs more rights; choose one above 1023 with --web-port",
                errno.EADDRNOTAVAIL: f"this machine does not have the address {host}; choose another with --web-host",
            }.get(error.errno or 0)
            if way_out is None:
                raise
            raise OSError(error.errno, way_out) from None

    @property
    def run_store(self) -> _engine.RunStore | None:
        """The history of runs, if there is one."""
        return self.kept_runs.store if self.kept_runs is not None else None

    def start_server(self) -> None:
        """Serve until `stop` is called."""
        self.start()
        self._ended.wait()

    def stop(self) -> None:
        """Stop serving."""
        self.swarm.cancel_timer()
        if self._bridge is not None:
            self._bridge.stop()
            self._bridge = None
        if self._engine is not None:
            self._engine.stop()
        self._ended.set()

    def _bind_host(self) -> str:
        return {"": "127.0.0.1", "*": "0.0.0.0"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        protocol = "https" if self.tls_cert and self.tls_key else "http"
        host = self._bind_host()
        shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        return f"{protocol}://{shown}:{self.port}{self.web_base_path}/"

    def _engine_settings(self) -> dict[str, Any]:
        host = self._bind_host()
        options = self.settings
        names = [socket.gethostname(), host, *(options.get("names") or [])]
        return {
            "base_path": self.web_base_path,
            "key": os.urandom(32),
            "credentials": options.get("credentials"),
            "view_token": options.get("view_token"),
            "allowed_origins": options.get("allowed_origins") or [],
            "names": names,
            "loopback_only": host in _LOOPBACK,
            "secure": bool(self.tls_cert and self.tls_key),
            "has_runner": self.environment.runner is not None,
            "locustfile": str(self.environment.locustfile or ""),
            "percentiles": [float(percentile) for percentile in stats.PERCENTILES_TO_STATISTICS],
            "chart_percentiles": [float(percentile) for percentile in stats.PERCENTILES_TO_CHART],
        }

    @property
    def app(self) -> Any:
        """The Flask application, made when it is first asked for; from then on all requests go through it."""
        if self._app is None:
            from .flask_app import make_app

            self._app = make_app(self)
            if self._engine is not None:
                self._engine.through_flask = True
        return self._app

    @property
    def login_manager(self) -> Any:
        """Flask-Login's manager, with `--web-login`."""
        if not self.web_login:
            raise AttributeError("there is a login manager only with --web-login")
        if self._login_manager is None:
            _ = self.app
        if self._login_manager is None:
            from .flask_app import make_login_manager

            self._login_manager = make_login_manager(self)
        return self._login_manager

    @login_manager.setter
    def login_manager(self, value: Any) -> None:
        self._login_manager = value

    def auth_required_if_enabled(self, view_func: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator of Flask views: with `--web-login`, only for those who have logged in."""

        @wraps(view_func)
        def view(*args: Any, **kwargs: Any) -> Any:
            if not self.web_login:
                return view_func(*args, **kwargs)
            from .flask_app import behind_login

            return behind_login(view_func, *args, **kwargs)

        return view

    def update_template_args(self) -> None:
        """Bring `template_args` up to date; what others have put there stays."""
        self.template_args = {**self.template_args, **template_arguments(self, host_is_required=HOST_IS_REQUIRED)}

    def answer(self, request: Request) -> Answer:
        """The answer to a request that the server has passed on."""
        if self._app is None:
            return self.answers.answer(request)
        from .flask_app import through_wsgi

        return through_wsgi(self._app, request, secure=bool(self.tls_cert and self.tls_key))

    def tell_now(self) -> None:
        """Have the server know the present figures, all of them."""
        if self._engine is not None and self._engine.running:
            self.teller.tell(self._engine, everything=True)

    def log_death(self, greenlet: gevent.Greenlet[..., Any]) -> None:
        """For `link_exception`: log what a greenlet of the UI died of."""
        greenlet_exception_logger(logger)(greenlet)


def _settings_of(environment: Environment) -> dict[str, Any]:
    """What the command line says about the web UI and Locust's `create_web_ui` does not pass on."""
    options = environment.parsed_options
    origins = getattr(options, "gregaria_web_allowed_origins", None) or []
    credentials, view_token = web_secrets(options or Namespace())
    return {
        "allowed_origins": list(origins),
        "credentials": credentials,
        "view_token": view_token,
        "names": [name for name in [getattr(options, "web_host_display_name", None)] if name],
    }
