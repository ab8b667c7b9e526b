"""One headless run, from the start of the test to the exit code, in Locust's order.

    start ─ ramp ─ … ─ run-time limit │ shape done │ runner.quit() │ SIGINT, SIGTERM ─> shutdown
    shutdown: quitting ─> exit code ─> runner.quit() ─> tables ─> CSV closed ─> quit

It starts and ends things; what a test is belongs to the runner, what was measured to the statistics.
"""

from __future__ import annotations

import atexit
import logging
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from gregaria import _engine, log, stats
from gregaria.input_events import input_listener

from .signals import Interrupts
from .verdict import verdict

logger = logging.getLogger("locust.main")


class HeadlessRun:
    """A run without web UI. `environment` has its runner, and `init` has been fired."""

    def __init__(self, environment: Any, options: Namespace, csv_writer: Any = None) -> None:
        self.environment = environment
        self.runner = environment.runner
        self.options = options
        self._csv_writer = csv_writer
        self._over = Event()
        self._background: list[gevent.Greenlet[..., Any]] = []
        self._signal: str | None = None
        self._interrupts = Interrupts(self._interrupted, self._print_results)

    def run(self) -> int:
        """Run the test to its end, and say the exit code."""
        self._interrupts.install()
        try:
            self._start()
            self._over.wait()
            if self._signal:
                logger.info("Got %s signal, stopping (once more stops at once)", self._signal)
        except KeyboardInterrupt:
            self._interrupts.ending = True
        return self._shut_down()

    def _start(self) -> None:
        options = self.options
        if options.num_users is None:
            options.num_users = 1
        if options.spawn_rate is None:
            options.spawn_rate = 1
        if not options.only_summary:
            self._spawn(stats.stats_printer(self.runner.stats))
        self._spawn(stats.stats_history, self.runner)
        if self.environment.shape_class:
            self._spawn(self._run_shape)
        else:
            self._log_run_time()
            gevent.spawn(self.runner.start, options.num_users, options.spawn_rate).link_exception(self._log_death)
            if options.run_time:
                gevent.get_hub().loop.update_now()  # timers count from the loop's own, possibly old, idea of now
                gevent.spawn_later(options.run_time, self._end, "--run-time limit reached").link_exception(
                    self._log_death
                )
            gevent.spawn(self._await_runner)
        if self._csv_writer is not None:
            self._spawn(self._csv_writer.stats_writer)
        keys = self._spawn(input_listener(self._keys()))
        atexit.register(keys.kill, block=True)

    def _spawn(self, function: Callable[..., object], *args: Any) -> gevent.Greenlet[..., Any]:
        greenlet = gevent.spawn(function, *args)
        greenlet.link_exception(self._log_death)
        self._background.append(greenlet)
        return greenlet

    def _log_death(self, greenlet: gevent.Greenlet[..., Any]) -> None:
        log.greenlet_exception_logger(logger)(greenlet)

    def _log_run_time(self) -> None:
        if self.options.run_time:
            logger.info("Run time limit set to %s seconds", self.options.run_time)
        else:
            logger.info("No run time limit set, use CTRL+C to interrupt")

    def _run_shape(self) -> None:
        self.runner.start_shape()
        self.runner.shape_greenlet.join()
        self._end("Shape test completed")
        self._over.set()

    def _end(self, reason: str) -> None:
        if self._interrupts.ending:
            return
        self._interrupts.ending = True
        logger.info("%s, shutting down", reason)
        self.runner.quit()

    def _await_runner(self) -> None:
        self.runner.greenlet.join()
        self._over.set()

    def _interrupted(self, signal_name: str) -> None:
        self._signal = signal_name
        self._over.set()

    def _keys(self) -> dict[str, Callable[[], object]]:
        def change(by: int) -> Callable[[], object]:
            return lambda: self._change_users(by)

        return {"w": change(1), "W": change(10), "s": change(-1), "S": change(-10)}

    def _change_users(self, by: int) -> None:
        if self.runner.state == "spawning":
            logging.warning(
                "Already spawning users, can't spawn more right now"
                if by > 0
                else "Spawning users, can't stop right now"
            )
            return
        self.runner.start(max(0, self.runner.user_count + by), 100)

    def _shut_down(self) -> int:
        self._interrupts.ending = True
        self.environment.events.quitting.fire(environment=self.environment, reverse=True)
        code = self._exit_code()
        logger.info("Shutting down (exit code %s)", code)
        for greenlet in self._background:
            greenlet.kill(block=False)
        self.runner.quit()
        self._print_results()
        self.environment.events.quit.fire(exit_code=code)
        return code

    def _exit_code(self) -> int:
        if self.environment.process_exit_code is not None:
            return int(self.environment.process_exit_code)
        if self.runner.errors or self.runner.exceptions:
            return int(self.options.exit_code_on_error)
        return 2 if log.unhandled_greenlet_exception else 0

    def _print_results(self) -> None:
        measured = self.runner.stats
        stats.print_stats(measured, current=False)
        stats.print_percentile_stats(measured)
        stats.print_error_report(measured)
        _print_aborted()
        logging.getLogger("locust.stats_logger").info("%s\n", verdict(_engine.engine_stats()))
        if self._csv_writer is not None:
            self._csv_writer.close_files()
            self._csv_writer = None


def _print_aborted() -> None:
    engine = _engine.engine_stats()
    aborted = int(engine["aborted"] + engine["in_flight"])
    if aborted:
        logging.getLogger("locust.stats_logger").info(
            "Not in these tables: %d request%s aborted before the answer came, as the user was stopped or gave up\n",
            aborted,
            "" if aborted == 1 else "s",
        )
