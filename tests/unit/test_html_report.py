"""The report as a script gets it: `get_html_report`, also without a web UI and in the middle of a run."""

import json
import re

import gevent
from gevent.event import Event

from gregaria import User, constant, task
from gregaria.env import Environment
from gregaria.html import get_html_report


class Visitor(User):
    wait_time = constant(1)
    worked = Event()

    @task
    def visit(self) -> None:
        self.environment.events.request.fire(
            request_type="GET", name="/</script>", response_time=12, response_length=3, exception=None, context={}
        )
        self.worked.set()


def result_in(page: str) -> dict:
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None, page[:2000]
    return json.loads(found[1])


def test_report_of_a_run_and_of_its_end() -> None:
    Visitor.worked.clear()
    environment = Environment(user_classes=[Visitor], host="http://shop")
    runner = environment.create_local_runner()
    runner.start(1, spawn_rate=10)
    assert Visitor.worked.wait(10)
    running = result_in(get_html_report(environment))
    assert running["run"]["state"] == "running"
    runner.quit()
    ended = result_in(get_html_report(environment, show_download_link=False, theme="dark"))
    assert ended["run"]["state"] == "finished" and ended["run"]["host"] == "http://shop"
    assert 'data-theme="dark"' in get_html_report(environment, theme="dark")
    assert [entry["name"] for entry in ended["entries"]] == ["/</script>"]


def test_report_asked_for_in_the_hub_itself() -> None:
    pages: list[str] = []
    environment = Environment(user_classes=[Visitor])
    runner = environment.create_local_runner()
    gevent.get_hub().loop.run_callback(lambda: pages.append(get_html_report(environment)))
    while not pages:
        gevent.sleep(0)
    runner.quit()
    assert result_in(pages[0])["run"]["user_classes"] == ["Visitor"]
