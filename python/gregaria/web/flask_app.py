"""A Flask application with Locust's endpoints, for locustfiles that extend the web UI: routes, hooks, templates, login.

Made only when a locustfile asks for `web_ui.app`. From then on the server passes requests on to it, over WSGI, on the
hub; the event stream and the page's own files stay with the server.
"""

from __future__ import annotations

import importlib
import io
import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gregaria import _engine

from .bridge import Answer, Request

if TYPE_CHECKING:
    from . import WebUI

logger = logging.getLogger("locust.web")

_ARGUMENTS = {"index.html": ("template-args", "template_args"), "auth.html": ("auth-args", "auth_args")}
_LOGIN_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log in</title>
<link rel="stylesheet" href="login.css"></head><body><main><h1>{{ auth_args.title or "Gregaria" }}</h1>
{% for kind in ("error", "info") %}{% if auth_args[kind] %}<p class="error" role="alert">{{ auth_args[kind] }}</p>
{% endif %}{% endfor %}{% set form = auth_args.custom_form %}{% if form or auth_args.username_password_callback %}
<form method="post" action="{{ form.callback_url if form else auth_args.username_password_callback }}">
{% if form %}{% for input in form.inputs or [] %}<label>{{ input.label }}
<input name="{{ input.name }}" type="{{ 'password' if input.is_secret else 'text' }}"></label>{% endfor %}
{% else %}<label>User <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>{% endif %}
<button>{{ form.submit_button_text if form and form.submit_button_text else "Log in" }}</button></form>{% endif %}
{% for provider in auth_args.auth_providers or [] %}<p>
<a href="{{ provider.callback_url }}">{{ provider.label }}</a></p>{% endfor %}</main></body></html>"""


def _needed(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ImportError(
            f"this locustfile extends the web UI, which needs {package}; install it with: pip install 'gregaria[web]'"
        ) from None


def _own_template(app: Any, name: str) -> str | None:
    """A template of the locustfile's, which may set the folder of another page at any time (`app.template_folder`)."""
    if not app.template_folder:
        return None
    path = Path(app.root_path) / app.template_folder / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _template(name: str) -> str | None:
    """A template of ours: a file of the page, with a place for its arguments."""
    data_id, argument = _ARGUMENTS.get(name, (None, ""))
    content = _engine.page_file(name, data_id, f"{{{{ {argument} | tojson }}}}" if data_id else "")
    if content is None:
        return _LOGIN_PAGE if name == "auth.html" else None
    return content.decode()


def make_app(web_ui: WebUI) -> Any:
    """The application, with Locust's endpoints in a blueprint `locust`."""
    flask, jinja2 = _needed("flask", "Flask"), _needed("jinja2", "Flask")
    app = flask.Flask("gregaria.web", static_folder=None)
    app.jinja_env.add_extension("jinja2.ext.do")
    app.template_folder = str(web_ui.build_path) if web_ui.build_path else None
    app.jinja_loader = jinja2.FunctionLoader(lambda name: _own_template(app, name) or _template(name))
    app.json.compact = False
    blueprint = flask.Blueprint("locust", __name__, url_prefix=web_ui.web_base_path or None)
    _add_endpoints(web_ui, blueprint, flask)
    blueprint.after_request(lambda response: _protect(web_ui, flask.request.path, response))
    app.register_blueprint(blueprint)
    return app


def _protect(web_ui: WebUI, path: str, response: Any) -> Any:
    """Answers of ours are as strict as without Flask; the locustfile's own views and page are its own affair."""
    path = path.removeprefix(web_ui.web_base_path)
    if path.startswith("/assets/") or (path == "/" and _own_template(web_ui.app, "index.html") is not None):
        return response
    for name, value in _engine.protection(path):
        response.headers.setdefault(name, value)
    return response


def _add_endpoints(web_ui: WebUI, blueprint: Any, flask: Any) -> None:
    answers = web_ui.answers

    def endpoint(path: str, method: str, name: str) -> None:
        def view() -> Any:
            asked = flask.request
            form = list(asked.form.items(multi=True)) if method == "POST" else None
            request = Request(
                method, path, asked.full_path, asked.query_string.decode("latin-1"), [], form, asked.get_data(), ("", 0)
            )
            answer = answers.answer(request)
            return flask.Response(answer.body, answer.status, dict(answer.headers))

        view.__name__ = name
        view.clear_cache = lambda: None  # type: ignore[attr-defined]
        guarded: Any = web_ui.auth_required_if_enabled(view)
        blueprint.add_url_rule(path, name, guarded, methods=[method])

    for (method, path), name in _NAMES.items():
        endpoint(path, method, name)

    def index() -> Any:
        if web_ui.environment.runner is None:
            return "Error: Locust Environment does not have any runner", 500
        web_ui.update_template_args()
        return flask.render_template("index.html", template_args=web_ui.template_args)

    def login() -> Any:
        if not web_ui.web_login:
            return flask.redirect(flask.url_for("locust.index"))
        web_ui.auth_args["error"] = flask.session.get("auth_error")
        web_ui.auth_args["info"] = flask.session.get("auth_info")
        return flask.render_template("auth.html", auth_args=web_ui.auth_args)

    def send_assets(path: str) -> Any:
        app = web_ui.app
        if not app.template_folder:
            flask.abort(404)
        return flask.send_from_directory(Path(app.root_path) / app.template_folder / "assets", path)

    def allowed(**_path: str) -> Any:
        return "", 204

    blueprint.add_url_rule("/", "index", web_ui.auth_required_if_enabled(index))
    blueprint.add_url_rule("/login", "login", login)
    blueprint.add_url_rule("/assets/<path:path>", "send_assets", send_assets)
    # The server asks these before it answers by itself.
    for path in ("/events", "/metrics", "/failures/samples", "/phases", "/runs", "/runs/<path:_rest>"):
        methods = ["GET", "DELETE"] if path.startswith("/runs") else ["GET"]
        blueprint.add_url_rule(path, _endpoint_name(path), web_ui.auth_required_if_enabled(allowed), methods=methods)


def _endpoint_name(path: str) -> str:
    return "allowed_" + "".join(character for character in path if character.isalpha())


_NAMES = {
    ("POST", "/swarm"): "swarm",
    ("POST", "/stop"): "stop",
    ("POST", "/stats/reset"): "reset_stats",
    ("POST", "/pause"): "pause",
    ("POST", "/resume"): "resume",
    ("POST", "/mark"): "mark",
    ("GET", "/stats/requests"): "request_stats",
    ("GET", "/stats/requests/csv"): "request_stats_csv",
    ("GET", "/stats/requests_full_history/csv"): "request_stats_full_history_csv",
    ("GET", "/stats/failures/csv"): "failures_stats_csv",
    ("GET", "/stats/report"): "stats_report",
    ("GET", "/stats/result"): "stats_result",
    ("GET", "/exceptions"): "exceptions",
    ("GET", "/exceptions/csv"): "exceptions_csv",
    ("GET", "/tasks"): "tasks",
    ("GET", "/logs"): "logs",
    ("GET", "/worker-count"): "get_worker_count",
    ("POST", "/user"): "update_user",
}
"""Locust's names of its views, which locustfiles look up; and of ours."""


def make_login_manager(web_ui: WebUI) -> Any:
    """Flask-Login's manager for the application."""
    manager = _needed("flask_login", "Flask-Login").LoginManager()
    manager.init_app(web_ui.app)
    manager.login_view = "locust.login"
    return manager


def behind_login(view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The view's answer for those who have logged in; a way to the login page for others."""
    flask, flask_login = _needed("flask", "Flask"), _needed("flask_login", "Flask-Login")
    try:
        flask.session["auth_error"] = None
        flask.session["auth_info"] = None
        return flask_login.login_required(view)(*args, **kwargs)
    except Exception as error:
        logger.exception("The login of the web UI does not work")
        return flask.Response(
            f"Locust auth exception: {error}\n\nThe locustfile must set app.config['SECRET_KEY'] and "
            "web_ui.login_manager.user_loader, or run without --web-login.",
            mimetype="text/plain",
        )


def through_wsgi(app: Any, request: Request, secure: bool) -> Answer:
    """The application's answer to a request."""
    begun: list[tuple[int, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
        begun[:] = [(int(status.split(" ", 1)[0]), headers)]
        return written.append

    body: Iterable[bytes] = app.wsgi_app(_wsgi_environ(request, secure), start_response)
    chunks = iter(body)
    first = next(chunks, b"")  # an application may begin its answer only when its body is asked for
    status, headers = begun[0]
    return Answer(status, _Body([*written, first], chunks, body), headers)


class _Body:
    """An answer's body, closed when it has been sent, as WSGI wants it."""

    def __init__(self, first: list[bytes], rest: Iterable[bytes], whole: Any) -> None:
        self._first, self._rest, self._whole = first, rest, whole

    def __iter__(self) -> Any:
        yield from self._first
        yield from self._rest

    def close(self) -> None:
        close = getattr(self._whole, "close", None)
        if close is not None:
            close()


def _wsgi_environ(request: Request, secure: bool) -> dict[str, Any]:
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    host, _, port = headers.get("HOST", "localhost").rpartition(":")
    path = unquote(request.target.split("?", 1)[0], "latin-1")
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": host or headers.get("HOST", "localhost"),
        "SERVER_PORT": port if host and port.isdigit() else ("443" if secure else "80"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.remote[0],
        "REMOTE_PORT": str(request.remote[1]),
        "CONTENT_TYPE": headers.pop("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if secure else "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{
            f"HTTP_{key}": value for key, value in headers.items() if key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING")
        },
    }
