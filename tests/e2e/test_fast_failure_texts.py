"""Every kind of failing request of FastHttpUser under Gregaria, held against Locust's record (fast_failure_texts.json).

The text of a failure is part of the statistics' key, so it is compared letter by letter.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from support import failures
from support.fast_failure_cases import CASES
from support.server import TestServer

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden/fast_failure_texts.json").read_text(encoding="utf-8"))

# Broken responses that every other client reads, and Gregaria's too; llhttp refuses them.
READ = {"bad-header": 3, "lf-only": 3, "long": 5, "garbage-after": 3}
# Locust's task dies of these, or (HEAD) the request is counted as a failure for having no body.
BETTER = {"corrupt-br", "corrupt-zstd", "zstd-500", "zip-bomb?mb=2&kind=zstd", "gzip-head"}
# The engine's limits are those of http.client; llhttp has none.
LIMITED = {"huge-header": "line too long: header line", "many-headers": "too many headers: 100"}


@pytest.fixture(scope="module")
def record(gregaria: list[str], server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("fast")
    return failures.record(gregaria, server, folder, locustfile=failures.FAST_LOCUSTFILE)


def cases(*without: Any) -> pytest.MarkDecorator:
    left_out = set().union(*without)
    return pytest.mark.parametrize("case", [case.id for case in CASES if case.id not in left_out])


def test_the_golden_record_knows_every_case() -> None:
    assert GOLDEN["cases"].keys() == {case.id for case in CASES}


@cases(READ, BETTER, LIMITED)
def test_statistics_and_exception(case: str, record: dict[str, Any]) -> None:
    ours, locust = record[case]["plain"], GOLDEN["cases"][case]["plain"]
    assert ours["errors"] == locust["errors"]
    assert ours["raised"] == locust["raised"]
    assert ours["events"] == locust["events"]
    assert record[case]["caught"]["events"] == GOLDEN["cases"][case]["caught"]["events"]


@cases(READ, BETTER, LIMITED)
def test_response(case: str, record: dict[str, Any]) -> None:
    assert record[case]["plain"]["response"] == GOLDEN["cases"][case]["plain"]["response"]
    assert record[case]["caught"] == GOLDEN["cases"][case]["caught"]


@pytest.mark.parametrize("case", READ)
def test_broken_but_readable_responses_are_read(case: str, record: dict[str, Any]) -> None:
    plain = record[case]["plain"]
    assert (plain["errors"], plain["response"]["content_length"]) == ([], READ[case])


@pytest.mark.parametrize("case", LIMITED)
def test_limits_of_the_head(case: str, record: dict[str, Any]) -> None:
    [[_, _, text]] = record[case]["plain"]["errors"]
    assert text == f"HTTPParseError('{LIMITED[case]}')"


@pytest.mark.parametrize("case", ["corrupt-br", "corrupt-zstd"])
def test_a_corrupt_body_is_a_failure(case: str, record: dict[str, Any]) -> None:
    plain = record[case]["plain"]
    assert plain["raised"] is None
    assert plain["errors"][0][2].startswith("error('")


@pytest.mark.parametrize("case", ["zstd-500", "zip-bomb?mb=2&kind=zstd", "gzip-head"])
def test_a_good_response_is_a_success(case: str, record: dict[str, Any]) -> None:
    plain = record[case]["plain"]
    assert (plain["raised"], plain["errors"], plain["response"]["status_code"]) == (None, [], 200)
