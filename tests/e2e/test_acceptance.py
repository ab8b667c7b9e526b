"""The same unmodified locustfile and API under Locust and under Gregaria: the same users, names, mix, failures,
files and exit code.

Every scenario runs both testers at the same time against an API process of its own; the scenarios run in parallel.
"""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.likeness import follows, same_mix, same_ratio
from support.runs import CSV_FILES, Run, run
from support.server import flask_api


@dataclass(frozen=True)
class Scenario:
    name: str
    locustfile: str
    options: str
    exit_code: int = 0
    shape: bool = False


SCENARIOS = [
    Scenario("breaking_point", "breaking_point.py", "", shape=True),
    Scenario("waves", "waves.py", "", shape=True),
    Scenario("quickstart", "quickstart.py", "-u 5 -r 1 -t 10s"),
    Scenario("checkout_flow", "checkout_flow.py", "-u 10 -r 5 -t 8s"),
    Scenario("varied_data", "varied_data.py", "-u 10 -r 10 -t 8s"),
    Scenario("app_failures", "app_failures.py", "-u 5 -r 5 -t 8s", exit_code=1),
    Scenario("mixed_users", "mixed_users.py", "-u 20 -r 10 -t 12s"),
    Scenario("mixed_users_by_name", "mixed_users.py", "Admin Mobile -u 21 -r 21 -t 8s"),
    Scenario("tagged_browse", "tagged_shop.py", "--tags browse -u 5 -r 5 -t 8s"),
    Scenario("tagged_without_purchase", "tagged_shop.py", "--exclude-tags purchase -u 5 -r 5 -t 6s"),
    Scenario("tagged_everything", "tagged_shop.py", "-u 8 -r 8 -t 8s", exit_code=1),
    Scenario("listeners", "listeners.py", "--slow-ms 200 -u 5 -r 5 -t 8s"),
]
AT_ONCE = 4


@dataclass(frozen=True)
class Pair:
    locust: Run
    ours: Run


def _both(scenario: Scenario, commands: tuple[list[str], list[str]], acceptance: Path, folder: Path) -> Pair:
    python = str(Path(commands[0][0]).parent / "python")
    with flask_api(acceptance / "shop_api.py", python) as url, ThreadPoolExecutor(2) as pool:
        file = str(acceptance / scenario.locustfile)
        words = ["-f", file, "-H", url, "--headless", "--csv", "out", *scenario.options.split()]
        runs = [
            pool.submit(run, command, words, folder / name)
            for command, name in zip(commands, ("locust", "gregaria"), strict=True)
        ]
        return Pair(runs[0].result(), runs[1].result())


@pytest.fixture(scope="module")
def pairs(
    request: pytest.FixtureRequest,
    gregaria: list[str],
    locust: list[str],
    acceptance: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Scenario], Pair]]:
    """Starts all scenarios that the collected tests need; the function waits for one."""
    callspecs = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {params["scenario"].name for params in callspecs if "scenario" in params}
    futures: dict[str, Future[Pair]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for scenario in SCENARIOS:
            if scenario.name in wanted:
                folder = tmp_path_factory.mktemp(scenario.name)
                futures[scenario.name] = pool.submit(_both, scenario, (locust, gregaria), acceptance, folder)
        yield lambda scenario: futures[scenario.name].result()


@pytest.fixture
def pair(scenario: Scenario, pairs: Callable[[Scenario], Pair]) -> Pair:
    return pairs(scenario)


each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
each_shape = pytest.mark.parametrize(
    "scenario", [scenario for scenario in SCENARIOS if scenario.shape], ids=lambda scenario: scenario.name
)


def _counts(row: dict[str, str]) -> tuple[int, int]:
    return int(row["Failure Count"]), int(row["Request Count"])


@each_scenario
def test_exit_code(scenario: Scenario, pair: Pair) -> None:
    assert pair.locust.exit_code == scenario.exit_code, pair.locust.stderr
    assert pair.ours.exit_code == scenario.exit_code, pair.ours.stderr


@each_scenario
def test_names_and_mix_of_requests(scenario: Scenario, pair: Pair) -> None:
    assert pair.ours.requests.keys() == pair.locust.requests.keys(), pair.ours.stderr
    assert same_mix(pair.ours.requests, pair.locust.requests), (pair.ours.requests, pair.locust.requests)
    ours, theirs = sum(pair.ours.requests.values()), sum(pair.locust.requests.values())
    # A busy machine slows Locust down long before it slows us down.
    assert 0.7 < ours / theirs < 2.5, (ours, theirs)


@each_scenario
def test_failures(scenario: Scenario, pair: Pair) -> None:
    assert pair.ours.failures.keys() == pair.locust.failures.keys()
    assert same_mix(pair.ours.failures, pair.locust.failures), (pair.ours.failures, pair.locust.failures)
    assert same_ratio(_counts(pair.ours.total), _counts(pair.locust.total))
    for key, row in pair.ours.entries.items():
        assert same_ratio(_counts(row), _counts(pair.locust.entries[key])), key


@each_scenario
def test_exceptions_of_tasks(scenario: Scenario, pair: Pair) -> None:
    ours, theirs = ({row["Message"] for row in side.rows("exceptions")} for side in (pair.ours, pair.locust))
    assert ours == theirs
    for row in pair.ours.rows("exceptions"):
        assert scenario.locustfile in row["Traceback"], row


@each_scenario
def test_users_spawned(scenario: Scenario, pair: Pair) -> None:
    assert pair.ours.spawned == pair.locust.spawned


@each_scenario
def test_csv_files(scenario: Scenario, pair: Pair) -> None:
    for name in CSV_FILES:
        assert pair.ours.header(name) == pair.locust.header(name), name
    for side in (pair.ours, pair.locust):
        order = [(row["Name"], row["Type"]) for row in side.rows("stats")[:-1]]
        assert order == sorted(order)
        assert side.rows("stats")[-1]["Name"] == "Aggregated"


@each_scenario
def test_the_numbers_of_a_run_add_up(scenario: Scenario, pair: Pair) -> None:
    ours = pair.ours
    assert sum(ours.requests.values()) == int(ours.total["Request Count"])
    assert sum(ours.failures.values()) == int(ours.total["Failure Count"])
    last = ours.rows("stats_history")[-1]
    assert last["Total Request Count"] == ours.total["Request Count"]
    for row in [*ours.entries.values(), ours.total]:
        least, median, most = (float(row[f"{kind} Response Time"]) for kind in ("Min", "Median", "Max"))
        assert least <= median <= most
        assert least <= float(row["Average Response Time"]) <= most


@each_scenario
def test_verdict_of_the_ci_gate(scenario: Scenario, pair: Pair, acceptance: Path, locust: list[str]) -> None:
    python = str(Path(locust[0]).parent / "python")
    verdicts = []
    for side in (pair.locust, pair.ours):
        gate = [python, str(acceptance / "ci_gate.py"), str(side.prefix)]
        done = subprocess.run(gate, capture_output=True, text=True)
        verdicts.append((done.returncode, done.stdout.split(":")[0]))
    assert verdicts[0] == verdicts[1]


@each_shape
def test_users_over_time(scenario: Scenario, pair: Pair) -> None:
    ours, theirs = pair.ours.users_by_second, pair.locust.users_by_second
    assert max(ours) == max(theirs)
    assert abs(len(ours) - len(theirs)) <= 2, (ours, theirs)
    assert follows(ours, theirs) and follows(theirs, ours), (ours, theirs)


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.name == "listeners"], ids=["listeners"])
def test_listeners_log_the_same_kind_of_lines(scenario: Scenario, pair: Pair) -> None:
    for side in (pair.locust, pair.ours):
        assert "INFO/listeners: target http://127.0.0.1:" in side.stderr
        assert ", slow means 200.0 ms" in side.stderr
        line = next(line for line in side.stderr.splitlines() if " requests, 0 failures, average " in line)
        said = int(line.split("INFO/listeners: ")[1].split(" ")[0])
        written = int(side.total["Request Count"])
        # Locust's files lack the last second; ours do not.
        assert said == written or (side is pair.locust and said > written)
