"""Variables that are nearly called like one that is read."""

from __future__ import annotations

import pytest

from gregaria.cli.variables import misspelt


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LOCUST_USER", "LOCUST_USERS"),
        ("LOCUST_SPAWNRATE", "LOCUST_SPAWN_RATE"),
        ("GREGARIA_FAILIF", "GREGARIA_FAIL_IF"),
        ("GREGARIA_HOSTS", "GREGARIA_HOST"),
        ("LOCUST_RUNTIME", "LOCUST_RUN_TIME"),
    ],
)
def test_a_slip_is_told(name: str, meant: str) -> None:
    assert list(misspelt({name: "1"})) == [f"The environment variable {name} means nothing. Did you mean {meant}?"]


@pytest.mark.parametrize(
    "name",
    [
        "LOCUST_USERS",
        "GREGARIA_USERS",
        "GREGARIA_JUNIT",
        "LOCUST_SKIP_MONKEY_PATCH",
        "LOCUST_SHOP_API",
        "USER",
        "LOCUST_",
    ],
)
def test_what_is_read_or_like_nothing_is_left_alone(name: str) -> None:
    assert list(misspelt({name: "1"})) == []


def test_what_a_locustfile_reads_is_known() -> None:
    assert list(misspelt({"LOCUST_USER": "1", "GREGARIA_USER": "1"}, ["LOCUST_USER"])) == []


def test_a_variable_of_a_locustfile_may_have_any_name() -> None:
    assert list(misspelt({"PGHOST": "db", "LOCUST_CTX_API": "1"}, ["PGHOST", "MY_CTX_API"])) == []
