"""Every kind of failing request under Gregaria, held against what Locust made of it (golden/failure_texts.json).

The text of a failure is part of the statistics' key, so it is compared letter by letter.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from support import failures
from support.failure_cases import CASES
from support.server import TestServer

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden/failure_texts.json").read_text(encoding="utf-8"))

# Where Gregaria does better on purpose; each has a test of its own below.
BETTER = {
    *("early-hints", "interim-flood?count=900", "endless-interim", "corrupt-zstd", "zip-bomb?mb=2&kind=zstd"),
    *("truncated-gzip", "bad-header", "huge-chunk"),
}


@pytest.fixture(scope="module")
def record(gregaria: list[str], server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return failures.record(gregaria, server, tmp_path_factory.mktemp("failures"))


each_case = pytest.mark.parametrize("case", [case.id for case in CASES if case.id not in BETTER])


def test_the_golden_record_knows_every_case() -> None:
    assert GOLDEN["cases"].keys() == {case.id for case in CASES}


@each_case
def test_statistics_and_exception(case: str, record: dict[str, Any]) -> None:
    ours, locust = record[case]["plain"], GOLDEN["cases"][case]["plain"]
    assert ours["errors"] == locust["errors"]
    assert ours["raised"] == locust["raised"]
    assert ours["events"] == locust["events"]


@each_case
def test_response(case: str, record: dict[str, Any]) -> None:
    assert record[case]["plain"]["response"] == GOLDEN["cases"][case]["plain"]["response"]


@each_case
def test_with_catch_response(case: str, record: dict[str, Any]) -> None:
    assert record[case]["caught"] == GOLDEN["cases"][case]["caught"]


@pytest.mark.parametrize("case", ["early-hints", "interim-flood?count=900"])
def test_early_hints_are_not_the_answer(case: str, record: dict[str, Any]) -> None:
    assert GOLDEN["cases"][case]["plain"]["response"]["status_code"] == 103
    assert record[case]["plain"]["response"]["status_code"] == 200
    assert not record[case]["plain"]["errors"]


@pytest.mark.parametrize(
    ("case", "expected"),
    {
        "endless-interim": "HTTPException('more than 1000 interim answers')",
        "huge-chunk": 'ChunkedEncodingError(ProtocolError("Connection broken: InvalidChunkLength('
        "got length b'10000000000000000f\\\\r\\\\n', 0 bytes read)\"",
    }.items(),
)
def test_what_has_no_end_or_no_size_is_a_failure(case: str, expected: str, record: dict[str, Any]) -> None:
    (_, name, text) = record[case]["plain"]["errors"][0]
    assert name == f"/{case}"
    assert text.startswith(expected)


def test_zstd_is_decoded(record: dict[str, Any]) -> None:
    plain = record["zip-bomb?mb=2&kind=zstd"]["plain"]
    assert (plain["errors"], plain["response"]["content_length"]) == ([], 2 << 20)


def test_corrupt_zstd_is_a_failure(record: dict[str, Any]) -> None:
    (_, _, text) = record["corrupt-zstd"]["plain"]["errors"][0]
    assert text.startswith(
        "ContentDecodingError(DecodeError('Received response with content-encoding: zstd, but failed"
    )


def test_a_truncated_body_is_a_failure(record: dict[str, Any]) -> None:
    (_, name, text) = record["truncated-gzip"]["plain"]["errors"][0]
    assert name == "/truncated-gzip"
    assert text.startswith(
        "ContentDecodingError(DecodeError('Received response with content-encoding: gzip, but failed"
    )


def test_a_header_without_a_colon_hides_no_others(record: dict[str, Any]) -> None:
    ours, locust = record["bad-header"]["plain"], GOLDEN["cases"]["bad-header"]["plain"]
    assert ours["response"]["headers"] == 1
    assert {**ours["response"], "headers": 0} == locust["response"]
    assert ours["events"] == locust["events"]
