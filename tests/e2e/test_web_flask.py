"""Locustfiles that extend the web UI with Flask: routes, templates, hooks, and a login of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.server import TestServer
from support.web import WebRun, wait_for, web_run

SUPPORT = Path(__file__).parents[1] / "support"
FORM = {"user_count": 1, "spawn_rate": 10}


def source_of(name: str) -> str:
    return (SUPPORT / name).read_text(encoding="utf-8").replace("Path(__file__).parent", f"Path({str(SUPPORT)!r})")


def fresh(run: WebRun) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Host"] = run.url.split("//")[1]
    return session


@pytest.fixture(scope="module", params=["gregaria", "locust"])
def ui(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: TestServer
) -> Iterator[WebRun]:
    """The same locustfile under both testers: what is true of Locust is true of us."""
    command = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("web")
    with web_run(command, folder, source=source_of("extended_locustfile.py"), host=server.plain) as run:
        yield run


def test_routes_templates_and_hooks_of_a_locustfile(ui: WebRun) -> None:
    assert ui.post("/swarm", FORM).json()["success"]
    wait_for(lambda: ui.get("/sizes").json().get("/hello", 0) > 0)
    assert ui.get("/sizes/csv").text.startswith("Name,Bytes\n/hello,")
    assert ui.get("/sizes/csv").headers["Content-Disposition"] == "attachment;filename=sizes.csv"
    told = ui.get("/stats/requests")
    assert told.json()["sizes"]["/hello"] > 0
    assert told.headers["X-Own"] == "yes"
    ui.wait_for_state("running")
    echoed = ui.post("/echo", {"text": "ä & b", "empty": ""}).json()
    assert echoed == {"form": {"text": "ä & b", "empty": ""}, "host": ui.url.split("//")[1], "peer": "127.0.0.1"}
    assert ui.post("/stop").json()["success"]
    ui.wait_for_state("stopped")
    ui.post("/stats/reset")
    assert ui.get("/sizes").json() == {}
    assert ui.get("/fails").status_code == 500
    assert ui.get("/nowhere").status_code == 404
    assert ui.get("/").status_code == 200


def test_a_page_of_a_locustfile_may_have_scripts_of_its_own(ui: WebRun) -> None:
    page = ui.get("/own")
    assert page.status_code == 200
    assert '<script>window.own = "from the locustfile";</script>' in page.text
    assert "<title>locustfile.py</title>" in page.text
    assert "Content-Security-Policy" not in page.headers, "a strict one would keep its script from running"


@pytest.fixture(scope="module", params=["gregaria", "locust"])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: TestServer
) -> Iterator[WebRun]:
    command = request.getfixturevalue(request.param)
    source = source_of("login_locustfile.py")
    folder = tmp_path_factory.mktemp("web")
    with web_run(command, folder, "--web-login", source=source, host=server.plain, KEY="k", ready="/login") as run:
        yield run


def test_flask_login_guards_everything_until_somebody_logs_in(guarded: WebRun) -> None:
    person = fresh(guarded)
    for path in ("/", "/stats/requests", "/exceptions", "/tasks", "/logs", "/guarded"):
        answer = person.get(guarded.url + path, allow_redirects=False, timeout=10)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/login"), path
    assert person.post(f"{guarded.url}/swarm", FORM, allow_redirects=False, timeout=10).status_code == 302
    page = person.get(f"{guarded.url}/login", timeout=10)
    assert page.status_code == 200 and "/own_login" in page.text
    wrong = person.post(f"{guarded.url}/own_login", {"username": "ann", "password": "x"}, timeout=10)
    assert wrong.url.endswith("/login") and "Wrong <user>" not in wrong.text
    right = person.post(
        f"{guarded.url}/own_login", {"username": "ann", "password": "secret"}, allow_redirects=False, timeout=10
    )
    assert (right.status_code, right.headers["Location"]) == (302, "/")
    assert person.get(f"{guarded.url}/", timeout=10).status_code == 200
    assert person.get(f"{guarded.url}/stats/requests", timeout=10).json()["state"] == "ready"
    assert person.get(f"{guarded.url}/guarded", timeout=10).text == "for those who have logged in"
    assert fresh(guarded).get(f"{guarded.url}/guarded", allow_redirects=False, timeout=10).status_code == 302


def test_what_we_add_is_behind_the_same_login(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    source = source_of("login_locustfile.py")
    arguments = ["--web-login", "--run-store", "store"]
    with web_run(gregaria, tmp_path, *arguments, source=source, host=server.plain, KEY="k", ready="/login") as ui:
        person = fresh(ui)
        for path in ("/events", "/metrics", "/failures/samples", "/phases", "/runs", "/runs/1", "/runs/1/report"):
            answer = person.get(ui.url + path, allow_redirects=False, timeout=10)
            assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/login"), path
        for path in ("/pause", "/resume", "/mark"):
            assert person.post(ui.url + path, allow_redirects=False, timeout=10).status_code == 302, path
        assert person.delete(f"{ui.url}/runs/1", allow_redirects=False, timeout=10).status_code == 302
        person.post(f"{ui.url}/own_login", {"username": "ann", "password": "secret"}, timeout=10)
        assert person.get(f"{ui.url}/metrics", timeout=10).status_code == 200
        assert person.get(f"{ui.url}/runs", timeout=10).json() == {"runs": []}
        assert person.delete(f"{ui.url}/runs/1", timeout=10).status_code == 404
        assert person.post(f"{ui.url}/swarm", FORM, timeout=10).json()["success"]
        wait_for(lambda: person.get(f"{ui.url}/stats/requests", timeout=10).json()["state"] == "running")
        assert person.post(f"{ui.url}/pause", timeout=10).json()["success"]
        assert person.get(f"{ui.url}/stats/requests", timeout=10).json()["paused"] is True
        assert person.post(f"{ui.url}/mark", {"text": "here"}, timeout=10).json()["success"]


def test_a_login_without_a_secret_key_says_what_is_missing(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    source = source_of("login_locustfile.py")
    with web_run(gregaria, tmp_path, "--web-login", source=source, host=server.plain, ready="/login") as ui:
        answer = fresh(ui).get(f"{ui.url}/stats/requests", timeout=10)
        assert "Locust auth exception: " in answer.text and "app.config['SECRET_KEY']" in answer.text


OWN_PAGE = """
import os
from locust import User, events, task

class Visitor(User):
    @task
    def look(self): pass

@events.init.add_listener
def own_page(environment, **kwargs):
    web_ui, here = environment.web_ui, os.path.dirname(os.path.abspath(__file__))
    if "FOLDER" in os.environ:
        web_ui.app.template_folder = os.path.join(here, os.environ["FOLDER"])
        web_ui.app.root_path = here
        web_ui.webui_build_path = web_ui.app.template_folder
"""


@pytest.mark.parametrize("tester", ["gregaria", "locust"])
@pytest.mark.parametrize("way", ["an attribute", "an option"])
def test_a_page_of_ones_own(tester: str, way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """As the documentation says for those who build a page around Locust's web UI."""
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "dist/index.html").write_text("<p>mine</p><script>args = {{ template_args | tojson }}</script>")
    (tmp_path / "dist/assets/own.js").write_text("ours()")
    (tmp_path / "secret.txt").write_text("not for the page")
    more = {"FOLDER": "dist"} if way == "an attribute" else {}
    arguments = [] if more else ["--build-path", str(tmp_path / "dist")]
    command = request.getfixturevalue(tester)
    with web_run(command, tmp_path, *arguments, source=OWN_PAGE, host="http://127.0.0.1:1", **more) as run:
        page = run.get("/")
        assert page.text.startswith("<p>mine</p><script>args = {") and '"users":' in page.text
        assert "Content-Security-Policy" not in page.headers, "a strict one would keep its script from running"
        assert run.get("/assets/own.js").text == "ours()"
        assert run.get("/assets/none.js").status_code == 404
        assert run.get("/assets/%2e%2e/%2e%2e/secret.txt").status_code == 404
        assert run.get("/stats/requests").json()["state"] == "ready"


def test_a_folder_without_a_page_is_said_and_ours_is_shown(gregaria: list[str], tmp_path: Path) -> None:
    arguments = ["--build-path", "nowhere"]
    with web_run(gregaria, tmp_path, *arguments, source=OWN_PAGE, host="http://127.0.0.1:1") as run:
        assert f"There is no index.html in {tmp_path / 'nowhere'} (--build-path)" in run.logged()
        assert "template-args" in run.get("/").text
        assert run.get("/assets/none.js").status_code == 404
