"""Front ends: what a limit means with and without a web UI, when the process ends, and the address that is shown."""

from __future__ import annotations

import logging
from argparse import Namespace
from typing import Any

import gevent
import pytest

from gregaria.cli.front import Headless, Web, front_end
from gregaria.cli.keys import bindings


class Runner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.state = "running"
        self.user_count = 5
        self.greenlet = gevent.pool.Group()

    def stop(self) -> None:
        self.told.append("stop")

    def quit(self) -> None:
        self.told.append("quit")

    def start(self, users: int, rate: float) -> None:
        self.told.append(f"start {users} {rate}")


class WebUI:
    """A web UI that serves until it is stopped."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.told: list[str] = []
        self.greenlet = gevent.spawn(gevent.sleep, 60)

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")
        self.greenlet.kill()


def options(**changed: Any) -> Namespace:
    """Options as parsed, with changes."""
    settings: dict[str, Any] = {
        "headless": False,
        "worker": False,
        "autostart": False,
        "autoquit": -1,
        "web_host": "",
        "web_host_display_name": None,
        "web_port": 8089,
        "web_base_path": "",
        "web_login": False,
        "tls_cert": "",
        "tls_key": "",
        "class_picker": False,
        "build_path": "",
    }
    return Namespace(**settings | changed)


def web(**changed: Any) -> tuple[Web, Runner]:
    """A web front end that has been created."""
    runner = Runner()
    front = Web(runner, options(**changed), WebUI, None)
    front.create()
    return front, runner


def test_headless_ends_with_its_runner() -> None:
    runner = Runner()
    front = Headless(runner)
    runner.greenlet.spawn(gevent.sleep, 60)
    waiting = gevent.spawn(front.join)
    gevent.sleep(0)
    assert not waiting.ready()
    front.limit_reached("--run-time limit reached")
    runner.greenlet.kill()
    waiting.get(timeout=5)
    assert runner.told == ["quit"]
    assert (front.automatic, front.web_ui, front.url) == (True, None, None)


@pytest.mark.parametrize(
    ("changed", "url"),
    [
        ({}, "http://127.0.0.1:8089"),
        ({"web_host": "*", "web_port": 80}, "http://0.0.0.0:80"),
        ({"web_host": "127.0.0.1", "web_base_path": "/load"}, "http://127.0.0.1:8089/load"),
        ({"tls_cert": "c", "tls_key": "k"}, "https://127.0.0.1:8089"),
        ({"tls_cert": "c"}, "http://127.0.0.1:8089"),
        ({"web_host_display_name": "load.example"}, "load.example"),
        ({"web_host": "::1", "web_host_display_name": "load.example"}, "http://[::1]:8089"),
    ],
)
def test_the_address_that_is_shown(changed: dict[str, Any], url: str) -> None:
    assert web(**changed)[0].url == url


def test_the_web_ui_is_made_as_configured_and_served_later() -> None:
    front, _ = web(web_host="*", web_port=1, web_login=True, class_picker=True, web_base_path="/x")
    settings = front.web_ui.settings
    assert (settings["host"], settings["port"], settings["delayed_start"]) == ("*", 1, True)
    assert (settings["web_login"], settings["userclass_picker_is_active"], settings["web_base_path"]) == (
        True,
        True,
        "/x",
    )
    assert front.web_ui.told == []
    front.serve()
    front.close()
    assert front.web_ui.told == ["start", "stop"]
    assert not front.automatic


def test_a_limit_ends_the_test_and_not_the_web_ui(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    front, runner = web(autostart=True)
    assert front.automatic
    waiting = gevent.spawn(front.join)
    front.limit_reached("--run-time limit reached")
    assert runner.told == ["stop"]
    assert not waiting.ready()
    assert "leaving web ui running indefinitely" in caplog.text
    front.close()
    waiting.get(timeout=5)


def test_autoquit_ends_the_process(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    front, runner = web(autostart=True, autoquit=0)
    waiting = gevent.spawn(front.join)
    front.limit_reached("Shape test completed")
    waiting.get(timeout=5)
    assert runner.told == ["stop", "quit"]
    assert "Shape test completed, stopping test" in caplog.text
    assert "--autoquit time reached, shutting down" in caplog.text


def test_which_front_end() -> None:
    environment = Namespace(runner=Runner(), create_web_ui=WebUI)
    assert isinstance(front_end(environment, options(headless=True)), Headless)
    assert isinstance(front_end(environment, options()), Web)


def test_keys(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open_new_tab", opened.append)
    runner = Runner()
    keys = bindings(runner, "http://x")
    for key in "wWsS\n\r":
        keys[key]()
    assert runner.told == ["start 6 100", "start 15 100", "start 4 100", "start 0 100"]
    assert opened == ["http://x"] * 2
    assert set(bindings(runner, None)) == set("wWsS")
    runner.state = "spawning"
    keys["w"]()
    keys["s"]()
    assert "can't spawn more right now" in caplog.text and "can't stop right now" in caplog.text
