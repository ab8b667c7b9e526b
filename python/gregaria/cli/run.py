"""One run, from the front end's start to the exit code, in Locust's order: environment + runner + front end + outputs.

    outputs.begin ─ test (at once if the front end is automatic) ─ … ─ limit │ front over │ signal
    shutdown: quitting ─> exit code ─> runner.quit() ─> outputs.finish ─> quit ─> front.close

It starts and ends things; what a test is belongs to the runner, what was measured to the statistics, who is told to
`cli.outputs`, and what a person can do meanwhile to `cli.front`.
"""

from __future__ import annotations

import atexit
import logging
import signal
from argparse import Namespace
from dataclasses import replace
from typing import Any

import gevent
from gevent.event import Event

from gregaria import log, stats
from gregaria.input_events import input_listener

from .front import FrontEnd
from .keys import bindings
from .modes import wait_for_workers
from .output import Outputs, follow
from .signals import SIGNALS, Interrupts
from .thresholds import Thresholds
from .verdict import Findings, Outcome, decide, generator

logger = logging.getLogger("locust.main")


class Run:
    """A run whose environment has its runner, whose front end serves and whose outputs are open."""

    def __init__(
        self, environment: Any, options: Namespace, front: FrontEnd, outputs: Outputs, thresholds: Thresholds
    ) -> None:
        self.environment = environment
        self.runner = environment.runner
        self.options = options
        self.front = front
        self.outputs = outputs
        self.thresholds = thresholds
        self._over = Event()
        self._background: list[gevent.Greenlet[..., Any]] = []
        self._signal: str | None = None
        self._interrupts = Interrupts(self._interrupted, self._at_once)

    def run(self) -> int:
        """Run to the end, and say the exit code."""
        self._interrupts.install([signal.SIGTERM] if self.options.gregaria_forked else SIGNALS)
        try:
            self._start()
            self._over.wait()
            if self._signal:
                logger.info("Got %s signal, stopping (once more stops at once)", self._signal)
        except KeyboardInterrupt:
            self._interrupts.ending = True
        return self._shut_down()

    def _start(self) -> None:
        self.outputs.begin()
        self._follow(stats.stats_history, self.runner)
        if self.front.automatic:
            self._start_test()
        else:
            self._end_with_front()
        if not self.options.worker:
            keys = self._follow(input_listener(bindings(self.runner, self.front.url)))
            atexit.register(keys.kill, block=True)

    def _start_test(self) -> None:
        options = self.options
        if options.num_users is None:
            options.num_users = 1
        if options.spawn_rate is None:
            options.spawn_rate = 1
        if options.master:
            wait_for_workers(self.runner, options)
        if self.environment.shape_class:
            self._follow(self._run_shape)
            return
        self._log_run_time()
        follow(self.runner.start, options.num_users, options.spawn_rate)
        if options.run_time:
            self.runner.clock.due = self.runner.clock.now() + options.run_time
            limit = self.runner.clock.later(options.run_time, self._limit_reached, "--run-time limit reached")
            limit.link_exception(log.greenlet_exception_logger(logger))
        self._end_with_front()

    def _end_with_front(self) -> None:
        gevent.spawn(self._await_front)

    def _follow(self, function: Any, *args: Any) -> gevent.Greenlet[..., Any]:
        greenlet = follow(function, *args)
        self._background.append(greenlet)
        return greenlet

    def _log_run_time(self) -> None:
        if self.options.run_time:
            logger.info("Run time limit set to %s seconds", self.options.run_time)
        else:
            logger.info("No run time limit set, use CTRL+C to interrupt")

    def _run_shape(self) -> None:
        self.runner.start_shape()
        self.runner.shape_greenlet.join()
        self._limit_reached("Shape test completed")
        self._await_front()

    def _limit_reached(self, reason: str) -> None:
        if self._interrupts.ending:
            return
        self.runner.clock.due = None
        self._interrupts.ending = self.front.web_ui is None
        self.front.limit_reached(reason)

    def _await_front(self) -> None:
        self.front.join()
        self._over.set()

    def _interrupted(self, signal_name: str) -> None:
        self._signal = signal_name
        self._over.set()

    def _shut_down(self) -> int:
        self._interrupts.ending = True
        self.environment.events.quitting.fire(environment=self.environment, reverse=True)
        outcome = self._outcome()
        code = outcome.exit_code
        logger.info("Shutting down (exit code %s)", code)
        for greenlet in self._background:
            greenlet.kill(block=False)
        self.runner.quit()
        self.outputs.finish(outcome)
        self.environment.events.quit.fire(exit_code=code)
        self.front.close()
        return code

    def _outcome(self) -> Outcome:
        found = Findings(
            own_code=self.environment.process_exit_code,
            failed_requests=sum(error.occurrences for error in self.runner.errors.values()),
            exceptions=sum(row["count"] for row in self.runner.exceptions.values()),
            code_on_error=self.options.exit_code_on_error,
            judges_failures=self.thresholds.judge.judges_failures(),
            unhandled=log.unhandled_greenlet_exception,
            strict=self.options.gregaria_strict,
            cut_short=self.runner._cut_short,
        )
        return decide(found, self.thresholds.verdicts(), generator(self.runner.engine_stats()))

    def _at_once(self, exit_code: int) -> None:
        self.outputs.finish(replace(self._outcome(), exit_code=exit_code, interrupted=True))
