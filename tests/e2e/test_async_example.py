"""The example with coroutines through the installed command, against the demo shop."""

from pathlib import Path

from support.runs import run
from support.server import REPOSITORY, lines_until, program, running


def test_the_async_example_runs(gregaria: list[str], tmp_path: Path) -> None:
    with running([*program("demo-api"), "--port", "0"]) as shop:
        said = lines_until(shop, "listening")[-1]
        host = said.split()[-1]
        arguments = ["-f", str(REPOSITORY / "examples/async_reader.py"), "--headless", "-u", "10", "-r", "10"]
        result = run(gregaria, [*arguments, "-t", "3s", "-H", host, "--csv", "out", "--only-summary"], tmp_path)
    assert {("POST", "/login"), ("GET", "/products"), ("GET", "/products/[id]"), ("ASYNC", "pause")} <= set(
        result.requests
    )
    assert result.requests[("POST", "/login")] == 10
    assert result.requests[("GET", "/products/[id]")] >= 2 * result.requests[("GET", "/products")]
    assert result.rows("exceptions") == []
    assert result.exit_code in (0, 1), "the shop's search fails now and then"
