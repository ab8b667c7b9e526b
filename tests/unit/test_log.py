"""Logging set-up, and the note that something went unhandled."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from gregaria import log

NAMES = ("", "locust", "gregaria", "locust.stats_logger", "gregaria.stats_logger")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    unhandled = log.unhandled_greenlet_exception
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)
    log.unhandled_greenlet_exception = unhandled


def test_line_format_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup_logging("info")
    logging.getLogger("locust.main").info("hello %s", "there")
    logging.getLogger("mine").warning("own")
    logging.getLogger("mine").debug("too low")
    logging.getLogger("locust.stats_logger").info("a | table")
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        rf"\[\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}}\] {log.HOSTNAME}/INFO/locust\.main: hello there", lines[0]
    )
    assert lines[1].endswith(f"{log.HOSTNAME}/WARNING/mine: own")
    assert lines[2:] == ["a | table"]
    assert log.get_logs()[-1] == "a | table" or "a | table" in log.get_logs()[-1]


def test_log_file_takes_all_but_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "run.log"
    log.setup_logging("DEBUG", str(file))
    logging.getLogger("locust.main").debug("to the file")
    logging.getLogger("locust.stats_logger").info("a | table")
    assert file.read_text().endswith("/DEBUG/locust.main: to the file\n")
    assert capsys.readouterr().err == "a | table\n"


def test_a_log_file_that_takes_no_more_is_told_once_and_no_line_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.log").symlink_to("/dev/full")
    log.setup_logging("INFO", str(tmp_path / "run.log"))
    for number in range(3):
        logging.getLogger("locust.main").info("line %s", number)
    told, *lines = capsys.readouterr().err.splitlines()
    assert told == f"cannot write the log file '{tmp_path}/run.log': No space left on device; lines go here"
    assert [line[-6:] for line in lines] == ["line 0", "line 1", "line 2"]
    mistake = logging.LogRecord("mine", logging.INFO, "mine.py", 1, "%d", ("no number",), None)
    log.LogFile(str(tmp_path / "run.log")).handle(mistake)
    assert "Logging error" in capsys.readouterr().err, "as the standard library tells it"


def test_the_last_500_lines_are_kept() -> None:
    log.setup_logging("CRITICAL")
    for number in range(600):
        logging.getLogger().critical("line %s", number)
    lines = log.get_logs()
    assert len(lines) == 500
    assert lines[0].endswith(": line 100")


def test_a_greenlet_that_dies_is_logged_and_noted(caplog: pytest.LogCaptureFixture) -> None:
    def die() -> None:
        raise ValueError("boom")

    log.unhandled_greenlet_exception = False
    greenlet = gevent.spawn(die)
    greenlet.link_exception(log.greenlet_exception_logger(logging.getLogger("test.log")))
    greenlet.join()
    gevent.sleep(0)
    assert [record.levelname for record in caplog.records if record.name == "test.log"] == ["CRITICAL"]
    assert "Unhandled exception in greenlet: " in caplog.text
    assert "ValueError: boom" in caplog.text
    assert log.unhandled_greenlet_exception is True
