"""The asyncio event loop of users: gevent's hub drives it, so that coroutines and greenlets live in one thread.

It is a `SelectorEventLoop` whose selector asks gevent's loop, and whose callbacks run in greenlets of the pool.
It always runs and never ends.

    gevent: descriptor ready, timer due ─┐
    call_soon() ─────────────────────────┴─▶ run_soon(_turn) ─▶ a pooled greenlet: callbacks, one after the other
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import selectors
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import gevent

from . import _engine

_current: contextvars.ContextVar[weakref.ref[_engine.UserTask] | None] = contextvars.ContextVar(
    "gregaria_user_task", default=None
)
_CLEAN_AT = 100


def own_context(task: _engine.UserTask) -> None:
    """From now on tasks that are made in this context belong to the user of ``task``."""
    _current.set(weakref.ref(task))


class HubSelector(selectors.BaseSelector):
    """Watches descriptors with gevent's loop. What is ready is collected until it is asked for."""

    def __init__(self, on_ready: Callable[[], None]) -> None:
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._watchers: dict[int, Any] = {}
        self._ready: dict[int, int] = {}
        self._on_ready = on_ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch ``fileobj``."""
        descriptor = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
        if descriptor in self._keys:
            raise KeyError(f"{fileobj!r} is watched already")
        key = self._keys[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
        watcher = self._watchers[descriptor] = gevent.get_hub().loop.io(descriptor, events)
        watcher.start(self._seen, descriptor, pass_events=True)
        return key

    def _seen(self, happened: int, descriptor: int) -> None:
        self._ready[descriptor] = self._ready.get(descriptor, 0) | happened
        self._on_ready()

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch ``fileobj`` no more."""
        key = self.get_key(fileobj)
        del self._keys[key.fd]
        self._ready.pop(key.fd, None)
        watcher = self._watchers.pop(key.fd)
        watcher.stop()
        watcher.close()
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch for other events."""
        key = self.get_key(fileobj)
        if key.events != events:
            self.unregister(fileobj)
            return self.register(fileobj, events, data)
        key = self._keys[key.fd] = key._replace(data=data)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; does not wait."""
        ready, self._ready = self._ready, {}
        found = []
        for descriptor, happened in ready.items():
            key = self._keys.get(descriptor)
            if key is not None and happened & key.events:
                found.append((key, happened & key.events))
        return found

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """The key of ``fileobj``."""
        descriptor = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
        try:
            return self._keys[descriptor]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not watched") from None

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """All keys, by descriptor."""
        return self._keys

    def close(self) -> None:
        """Watch nothing more."""
        for descriptor in list(self._keys):
            self.unregister(descriptor)


class HubLoop(asyncio.SelectorEventLoop):
    """See the module's text."""

    _selector: HubSelector
    _ready: Any
    _scheduled: list[asyncio.TimerHandle]
    _thread_id: int | None
    _clock_resolution: float
    _timer_cancelled_count: int

    def __init__(self) -> None:
        self._asked = self._in_turn = False
        self._hub = gevent.get_hub()
        self._timer: Any = None
        super().__init__(HubSelector(self._ask))
        # It counts as running from now on: whoever wants to run it is told so.
        self._thread_id = threading.get_ident()
        self.set_task_factory(_make_task)

    def _ask(self) -> None:
        """Have a turn, soon."""
        if not self._asked:
            self._asked = True
            _engine.run_soon(self._turn)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Have ``callback`` called in the next turn."""
        handle = super().call_soon(callback, *args, context=context)
        if not self._in_turn:
            self._ask()
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Have ``callback`` called at a time of this loop's clock."""
        handle = super().call_at(when, callback, *args, context=context)
        if not self._in_turn and self._scheduled[0] is handle:
            self._set_timer()
        return handle

    def _turn(self) -> None:
        """Call what is due. A callback that blocks does not hold up the others: they get a turn in another greenlet."""
        self._asked, self._in_turn = False, True
        self._process_events(self._selector.select())  # type: ignore[attr-defined]
        self._take_due()
        for _ in range(len(self._ready)):
            # A turn in another greenlet may have taken some.
            if not self._ready:
                break
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()
        self._left()

    def _left(self) -> None:
        """The turn is over, or blocks: see to what comes next."""
        self._in_turn = False
        if self._ready:
            self._ask()
        else:
            self._set_timer()

    def _take_due(self) -> None:
        scheduled = self._scheduled
        if self._timer_cancelled_count > _CLEAN_AT and self._timer_cancelled_count * 2 > len(scheduled):
            for handle in scheduled:
                if handle._cancelled:
                    handle._scheduled = False  # type: ignore[attr-defined]
            scheduled[:] = [handle for handle in scheduled if not handle._cancelled]
            heapq.heapify(scheduled)
            self._timer_cancelled_count = 0
        due = self.time() + self._clock_resolution
        while scheduled and (scheduled[0]._cancelled or scheduled[0].when() < due):
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        if self._scheduled:
            self._timer = self._hub.loop.timer(max(self._scheduled[0].when() - self.time(), 0.0))
            self._timer.start(self._ask)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run ``func`` in a thread: a real one of gevent's pool, unless an executor is given."""
        if executor is not None or self._default_executor is not None:  # type: ignore[attr-defined]
            return super().run_in_executor(executor, func, *args)
        future = self.create_future()

        def done(result: Any) -> None:
            if future.cancelled():
                return
            if result.exception is None:
                future.set_result(result.value)
            else:
                future.set_exception(result.exception)

        self._hub.threadpool.spawn(func, *args).rawlink(done)
        return future

    def run_forever(self) -> None:
        """Refused: the loop runs as long as the process."""
        raise RuntimeError("the event loop of users always runs; use await, or asyncio.run() outside of coroutines")

    def run_until_complete(self, future: Any) -> Any:
        """Refused: the loop runs as long as the process."""
        if asyncio.iscoroutine(future):
            future.close()
        self.run_forever()

    def stop(self) -> None:
        """Refused: other users need the loop."""
        raise RuntimeError("the event loop of users cannot be stopped by one of them")

    def close(self) -> None:
        """Without effect while the process lives."""


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    """A task that is cancelled when the user ends that has made it."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **kwargs)
    reference = _current.get()
    owner = reference() if reference is not None else None
    if owner is not None:
        owner._adopt(task)
    return task


def make() -> HubLoop:
    """The loop. Async generators that are left in the middle are finished by it."""
    loop = HubLoop()
    sys.set_asyncgen_hooks(
        firstiter=loop._asyncgen_firstiter_hook,  # type: ignore[attr-defined]
        finalizer=loop._asyncgen_finalizer_hook,  # type: ignore[attr-defined]
    )
    return loop
