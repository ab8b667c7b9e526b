"""The seam: what the Rust engine offers to Python. Times are seconds unless a name says otherwise."""

# The client of `FastHttpUser` has that of `HttpUser` below it, but other keywords and responses.
# mypy: disable-error-code="override"

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from datetime import timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar, Unpack, final

from typing_extensions import disjoint_base

from gregaria import responses
from gregaria.request_types import FastBodyKwargs, FastJsonKwargs, FastKwargs, JsonKwargs, NamedKwargs, RESTKwargs

_URL: TypeAlias = str | bytes
_Made = TypeVar("_Made", covariant=True)
_Answer: TypeAlias = responses.ResponseContextManager
_Pending: TypeAlias = PendingResponse[_Answer]
_PendingFast: TypeAlias = PendingResponse[FastResponseContextManager]

__version__: str

# --- users -----------------------------------------------------------------------------------------------------------

@disjoint_base
class UserCore:
    """Base class of `User`: its state machine, and what it holds while it lives."""

    _state: str | None
    """None before the start, then "running", "waiting" or "stopping"."""
    def __new__(cls, *_args: Any, **_kwargs: Any) -> UserCore: ...
    @property
    def greenlet(self) -> UserGreenlet | None:
        """The handle that stands for the user's greenlet; None before the start."""

    @property
    def _greenlet(self) -> UserGreenlet | None: ...
    @property
    def group(self) -> Any:
        """The group the user was started in."""

    @property
    def _taskset_instance(self) -> Any:
        """The `DefaultTaskSet` that holds the user's own tasks; None before the start."""

    def start(self, group: Any) -> UserGreenlet:
        """Start the user. `group.add(handle)` is called now, `group.discard(handle)` when the user has ended."""

    def stop(self, force: bool = False) -> bool:
        """Kill a waiting user, or any with `force`, and return True; else ask it to stop after its task."""

    def run(self) -> None:
        """Run the user in the calling greenlet until it ends."""

@final
class UserGreenlet:
    """A started user, with the interface of a gevent greenlet."""

    @property
    def args(self) -> tuple[Any]: ...
    @property
    def dead(self) -> bool: ...
    @property
    def started(self) -> bool: ...
    @property
    def exception(self) -> BaseException | None: ...
    def is_current(self) -> bool:
        """Whether the caller runs in this user's greenlet."""

    def ready(self) -> bool: ...
    def successful(self) -> bool: ...
    def __bool__(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...
    def get(self, block: bool = True, timeout: float | None = None) -> None: ...
    def kill(self, exception: Any = None, block: bool = True, timeout: float | None = None) -> None:
        """Raise an exception in the user: by default `GreenletExit`, which ends it. Waits for the end if `block`."""

    def link(self, callback: Callable[[UserGreenlet], Any]) -> None: ...
    def rawlink(self, callback: Callable[[UserGreenlet], Any]) -> None: ...

def register_classes(user: type, task_set: type, default_task_set: type) -> None:
    """Tell the engine the base classes, whose hooks are the defaults. Called once, by `gregaria.user.users`."""

def run_task_set(set: Any) -> None:
    """Run a TaskSet in the calling greenlet until something leaves it, which is then raised."""

def pause_users(gate: Any) -> None:
    """Users begin no further task, and their waits stand still. `gate` is the gevent event set at the end of it."""

def resume_users() -> None:
    """Users go on where `pause_users` has held them."""

# --- coroutines ------------------------------------------------------------------------------------------------------

@final
class UserTask:
    """Drives the coroutines of one user, and is `asyncio.current_task()` in them."""

    def __call__(self, future: Any) -> None: ...
    @property
    def user(self) -> Any:
        """The user."""

    @property
    def _fut_waiter(self) -> Any: ...
    @property
    def _must_cancel(self) -> bool: ...
    def _adopt(self, child: Any) -> None:
        """Remember a task that was made in this one: it is cancelled when the user ends."""

    def cancel(self, msg: Any = None) -> bool:
        """Raise CancelledError where the user waits; False if the user is over."""

    def cancelling(self) -> int: ...
    def uncancel(self) -> int: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool:
        """Whether the user is over."""

    def get_coro(self) -> Any: ...
    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def get_name(self) -> Any: ...
    def set_name(self, name: Any) -> None: ...
    def get_stack(self, *, limit: int | None = None) -> list[Any]: ...
    def add_done_callback(self, callback: Callable[[Any], Any], *, context: Any = None) -> None:
        """Have `callback(task)` called at the user's end."""

    def remove_done_callback(self, callback: Callable[[Any], Any]) -> int: ...

def complete(user: UserCore, awaitable: Any) -> Any:
    """Await something in the calling greenlet, as a part of what `user` does. Returned as it is if it cannot be."""

def run_soon(callback: Callable[[], Any]) -> None:
    """Have `callback` called as a step of the event loop, in a greenlet of the pool."""

def is_left() -> bool:
    """Whether some greenlet was left in the middle of a coroutine's step, because that step blocks."""

# --- waits -----------------------------------------------------------------------------------------------------------

@final
class Between:
    """Uniformly distributed waits."""

    def __new__(cls, low: float, high: float) -> Between: ...
    def __get__(self, instance: Any, owner: Any = None, /) -> Between: ...
    def __call__(self, *_instance: Any) -> float: ...

@final
class Constant:
    """Always the same wait."""

    def __new__(cls, wait: float) -> Constant: ...
    def __get__(self, instance: Any, owner: Any = None, /) -> Constant: ...
    def __call__(self, *_instance: Any) -> float: ...

@final
class ConstantPacing:
    """Waits that put task starts one period apart."""

    def __new__(cls, period: float) -> ConstantPacing: ...
    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...
    def __call__(self, instance: Any) -> float: ...

@final
class BoundPacing:
    """A `ConstantPacing` as the attribute of one user or set."""

    def __call__(self, *args: Any, **kwargs: Any) -> float: ...

# --- client ----------------------------------------------------------------------------------------------------------

@disjoint_base
class HttpSession:
    """Native base of `gregaria.clients.HttpSession`."""

    base_url: str
    request_event: Any
    user: Any
    request_name: Any
    headers: Any
    cookies: Any
    auth: Any
    params: Any
    verify: Any
    cert: Any
    max_redirects: int
    max_body_bytes: int
    def __new__(cls, *_args: Any, **_kwargs: Any) -> HttpSession: ...
    def _set_up(self, base_url: str, request_event: Any, user: Any, auth: Any) -> None: ...
    def _set_network(self, settings: dict[str, Any]) -> None: ...
    def _touch(self) -> None: ...
    def _set_environment_bundle(self, bundle: str | PathLike[str] | None) -> None: ...
    def close(self) -> None: ...
    def request(self, method: str | bytes, url: _URL, *args: Any, **kwargs: Unpack[RESTKwargs]) -> _Answer:
        """Make a request; `name`, `catch_response` and `context` may be given by position."""

    def get(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Answer: ...
    def options(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Answer: ...
    def head(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Answer: ...
    def delete(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Answer: ...
    def post(self, url: _URL, data: Any = None, json: Any = None, **kwargs: Unpack[NamedKwargs]) -> _Answer: ...
    def put(self, url: _URL, data: Any = None, *, json: Any = None, **kwargs: Unpack[NamedKwargs]) -> _Answer: ...
    def patch(self, url: _URL, data: Any = None, *, json: Any = None, **kwargs: Unpack[NamedKwargs]) -> _Answer: ...
    def arequest(self, method: str | bytes, url: _URL, *args: Any, **kwargs: Unpack[RESTKwargs]) -> _Pending:
        """As `request`, to be awaited; so are the others below."""

    def aget(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Pending: ...
    def aoptions(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Pending: ...
    def ahead(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Pending: ...
    def adelete(self, url: _URL, **kwargs: Unpack[RESTKwargs]) -> _Pending: ...
    def apost(self, url: _URL, data: Any = None, json: Any = None, **kwargs: Unpack[NamedKwargs]) -> _Pending: ...
    def aput(self, url: _URL, data: Any = None, **kwargs: Unpack[JsonKwargs]) -> _Pending: ...
    def apatch(self, url: _URL, data: Any = None, **kwargs: Unpack[JsonKwargs]) -> _Pending: ...

@final
class PendingResponse(Generic[_Made]):
    """A request that is made when it is awaited, or entered by `async with`; to asyncio, a coroutine."""

    _asyncio_future_blocking: bool | None
    def __await__(self) -> Generator[Any, Any, _Made]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, _value: Any) -> Any: ...
    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any: ...
    def close(self) -> None: ...
    def __aenter__(self) -> Awaitable[_Made]: ...
    def __aexit__(self, *error: Any) -> Awaitable[Any]: ...
    def cancel(self, msg: Any = None) -> bool: ...
    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def add_done_callback(self, callback: Callable[[Any], Any], *, context: Any = None) -> None: ...
    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def result(self) -> None: ...

@final
class BodyStream:
    """The body of a response, read while it comes in: a file to urllib3 and to scripts."""

    def read(self, n: int | None = None) -> bytes:
        """So many bytes, fewer only at the end; all that is left without a number."""

    def read1(self, n: int | None = None) -> bytes:
        """What has come, so many bytes at most; waits for the first."""

    def read_some(self, n: int) -> bytes: ...
    def read_chunk(self, n: int | None = None) -> bytes:
        """The rest of the present chunk of the transfer coding, so many bytes at most; empty at the end."""

    def readline(self) -> bytes: ...
    @property
    def closed(self) -> bool:
        """Whether there is nothing more to come."""

    def isclosed(self) -> bool: ...
    def readable(self) -> bool: ...
    @property
    def finished_after(self) -> float | None:
        """Seconds from taking up the request to the last byte of the body."""

    @property
    def timings(self) -> Timings:
        """Where the time went: up to the head, and to the last byte once that has come."""

    def close(self) -> None: ...

@final
class EventReader:
    """The server-sent events of a stream, each with the time at which the engine had it."""

    def __new__(cls, stream: BodyStream) -> EventReader: ...
    def next(self) -> tuple[float, str, str, str, int | None] | None:
        """Seconds since the request was taken up; type, data, id, retry. None at the end."""

    def close(self) -> None: ...

@final
class WebSocketStream:
    """A WebSocket on the reactor."""

    def send(self, data: str | bytes, number: int) -> None:
        """Send a message. Unless `number` is 0, it comes in as "sent" once it is."""

    def send_close(self, code: int, reason: str) -> None: ...
    def next(self) -> tuple[str, Any, float]:
        """What comes next, and when: "text", "binary", "sent" (a number), "close" (code and reason) or "end" (what went
        wrong, if anything did)."""

    def close(self) -> None: ...

def open_websocket(
    session: HttpSession,
    what: tuple[str | None, str, Mapping[Any, Any]],
    how: tuple[Any, tuple[Any, Any], ProxyRoute | None],
    request: Any,
) -> tuple[int, str, list[tuple[str, str]], WebSocketStream | None, float] | None:
    """Ask a server for a WebSocket: URL, path and headers; timeout, (`verify`, `cert`), proxy. Gives status, reason,
    headers, the socket if the server agrees, and seconds; None for a timeout that is none."""

@final
class ProxyRoute:
    """A proxy, as the engine speaks to it: an HTTP proxy, or SOCKS 5 where the proxy resolves names."""

    def __new__(
        cls,
        socks: bool,
        host: str,
        port: int,
        credentials: tuple[str, str] | None,
        authorization: str | None,
    ) -> ProxyRoute: ...

def resolve(host: str, port: int, addresses: list[str]) -> None:
    """Connections to this host and port go to these addresses from now on; to none: the system is asked again."""

def transmit(
    session: HttpSession,
    what: tuple[str, str | None, str, Mapping[Any, Any]],
    body: tuple[Any, Any, bool],
    how: tuple[Any, tuple[Any, Any], ProxyRoute | None],
    request: Any,
) -> tuple[int, str, int, list[tuple[str, str]], BodyStream, float] | None:
    """Send a request that `requests` has prepared: method, URL, path and headers; body, or its pieces and whether as
    chunks; timeout, (`verify`, `cert`), proxy. Gives status, reason, version, headers, body and seconds to the head;
    None for a timeout that only urllib3 can tell the meaning of."""

def without_coding(coding: str, body: bytes) -> bytes:
    """A body without the codings of this `Content-Encoding`; as it is, if none of them is known. `zlib.error` if it
    does not decode."""

def tell_of_large_body(limit: int) -> None:
    """Say, the first time, that a body was larger than `limit` bytes and has not been kept."""

@final
class Timings:
    """How long each part of a request took, in milliseconds; None for what did not take place. All but `blocked` add up
    to the response time."""

    @property
    def blocked(self) -> float | None:
        """In the generator's own queue, before the response time starts."""

    @property
    def dns(self) -> float | None:
        """Waiting for the addresses of a name."""

    @property
    def connect(self) -> float | None:
        """Until the TCP connection was there."""

    @property
    def tls(self) -> float | None:
        """The TLS handshake."""

    @property
    def send(self) -> float | None:
        """Until the request's last byte was given to the system."""

    @property
    def wait(self) -> float | None:
        """Until the response's first byte."""

    @property
    def receive(self) -> float | None:
        """Until the response's last byte."""

    @property
    def total(self) -> float:
        """All parts but `blocked`."""

    @property
    def reused(self) -> bool:
        """Whether the connection was there already, for redirected requests each time."""

@final
class ResponseContextManager:
    """A response: a `requests.Response` to `isinstance`, whose parts take shape when touched."""

    url: Any
    encoding: str | None
    @property  # type: ignore[misc]
    def __class__(self) -> type: ...
    @property
    def _trace(self) -> Any: ...
    @property
    def status_code(self) -> int: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def content(self) -> bytes | None: ...
    @property
    def text(self) -> str: ...
    def json(self, **kwargs: Any) -> Any: ...
    @property
    def headers(self) -> Any: ...
    def _raw_headers(self) -> list[tuple[str, str]]: ...
    def _raw_version(self) -> int: ...
    @property
    def cookies(self) -> Any: ...
    @property
    def elapsed(self) -> timedelta: ...
    @property
    def timings(self) -> Timings | None: ...
    @property
    def history(self) -> list[Any]: ...
    @property
    def request(self) -> Any: ...
    @property
    def ok(self) -> bool: ...
    def __bool__(self) -> bool: ...
    @property
    def error(self) -> Exception | None: ...
    def raise_for_status(self) -> None: ...
    @property
    def request_meta(self) -> dict[str, Any]: ...
    def success(self) -> None: ...
    def failure(self, exc: Any) -> None: ...
    @property
    def _manual_result(self) -> Any: ...
    @property
    def _entered(self) -> bool: ...
    def __enter__(self) -> ResponseContextManager: ...
    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool: ...
    def close(self) -> None: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getattr__(self, name: str) -> Any: ...

def set_tracer(tracer: Callable[[], Any] | None) -> None:
    """Have `tracer()` called for each request that begins; its result has `headers` and is `response._trace`."""

# --- the client of FastHttpUser --------------------------------------------------------------------------------------

@disjoint_base
class ClientPool:
    """Connections that are kept alive, and how many requests may be under way over them."""

    def __new__(cls, concurrency: int = 10, **_kwargs: Any) -> Self: ...
    @property
    def concurrency(self) -> int: ...
    def close(self) -> None: ...

@disjoint_base
class FastHttpSession(HttpSession):
    """Native base of `gregaria.contrib.fasthttp.FastHttpSession`."""

    auth_header: str | None
    """`Authorization` of every request that is not given its own `auth`."""
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _set_limits(self, connect: float | None, read: float | None, max_redirects: int, max_retries: int) -> None: ...
    def _set_codes(self, valid: list[int] | None, redirecting: list[int] | None) -> None: ...
    def _set_trust(self, insecure: bool, second_road: bool, cert: Any = None) -> None: ...
    def _set_proxy(self, route: ProxyRoute) -> None: ...
    def _set_pool(self, pool: ClientPool | None, concurrency: int = 10) -> None: ...
    @property
    def _pool(self) -> ClientPool: ...
    def _set_default_headers(self, headers: Any, kept: bool) -> None: ...
    @property
    def _default_headers(self) -> Any: ...
    def request(
        self, method: str, url: str, *args: Any, **kwargs: Unpack[FastBodyKwargs]
    ) -> FastResponseContextManager: ...
    def get(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> FastResponseContextManager: ...
    def options(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> FastResponseContextManager: ...
    def head(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> FastResponseContextManager: ...
    def delete(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> FastResponseContextManager: ...
    def post(
        self, url: str, data: Any = None, json: Any = None, **kwargs: Unpack[FastKwargs]
    ) -> FastResponseContextManager: ...
    def put(self, url: str, data: Any = None, **kwargs: Unpack[FastJsonKwargs]) -> FastResponseContextManager: ...
    def patch(self, url: str, data: Any = None, **kwargs: Unpack[FastJsonKwargs]) -> FastResponseContextManager: ...
    def arequest(self, method: str, url: str, *args: Any, **kwargs: Unpack[FastBodyKwargs]) -> _PendingFast: ...
    def aget(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> _PendingFast: ...
    def aoptions(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> _PendingFast: ...
    def ahead(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> _PendingFast: ...
    def adelete(self, url: str, **kwargs: Unpack[FastBodyKwargs]) -> _PendingFast: ...
    def apost(self, url: str, data: Any = None, json: Any = None, **kwargs: Unpack[FastKwargs]) -> _PendingFast: ...
    def aput(self, url: str, data: Any = None, **kwargs: Unpack[FastJsonKwargs]) -> _PendingFast: ...
    def apatch(self, url: str, data: Any = None, **kwargs: Unpack[FastJsonKwargs]) -> _PendingFast: ...

@disjoint_base
class FastResponse:
    """A response, whose parts take shape when touched."""

    encoding: str | None
    """None until `text` was asked for; may be set before."""
    @property
    def _trace(self) -> Any: ...
    @property
    def status_code(self) -> int:
        """The status; 0 if there was no response."""

    @property
    def status(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def content(self) -> bytes | None: ...
    @property
    def data(self) -> bytes | None: ...
    @property
    def text(self) -> str | None: ...
    def json(self) -> Any: ...
    @property
    def headers(self) -> Any: ...
    def info(self) -> Any: ...
    @property
    def url(self) -> str: ...
    @property
    def request(self) -> Any: ...
    @property
    def error(self) -> Exception | None: ...
    def raise_for_status(self) -> None: ...
    @property
    def elapsed(self) -> timedelta | None: ...
    @property
    def timings(self) -> Timings | None: ...
    @property
    def history(self) -> list[FastResponse]: ...
    @property
    def stream(self) -> Any: ...
    def read(self, n: int | None = None) -> bytes: ...
    def readline(self) -> bytes: ...
    def unzipped(self, gzip: bool = True, br: bool = False) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def iter_content(self, chunk_size: int = 1024, decode_content: bool = True) -> Iterator[Any]: ...
    def release(self) -> None: ...
    def isclosed(self) -> bool: ...
    def success(self) -> None: ...
    def failure(self, *_args: Any, **_kwargs: Any) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_args: Any) -> None: ...
    def __len__(self) -> int: ...

@final
class ErrorResponse(FastResponse):
    """Stands for a request without a response."""

@disjoint_base
class FastResponseContextManager(FastResponse):
    """A response that is reported at the end of its `with` block."""

    @property
    def request_meta(self) -> dict[str, Any]: ...
    def success(self) -> None: ...
    def failure(self, exc: Any) -> None: ...
    def raise_for_status(self) -> None: ...
    @property
    def _manual_result(self) -> Any: ...
    @property
    def _entered(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool: ...

# --- runner -----------------------------------------------------------------------------------------------------------
@final
class Dispatcher:
    """Distributes users over workers, batch by batch, in Locust's order."""

    def __new__(cls, workers: list[str], classes: list[tuple[str, float, int]]) -> Dispatcher: ...
    def refresh(self, classes: list[tuple[str, float, int]]) -> None:
        """Take over changed weights and fixed counts."""
    def new_dispatch(self, target: int, rate: float, chosen: list[str] | None = None) -> None:
        """Begin a dispatch from the present distribution."""
    def advance(self, now: float) -> dict[str, dict[str, int]] | float | None:
        """The next distribution, or the seconds to sleep before asking again, or `None` at the end."""
    def add_worker(self, id: str) -> None: ...
    def remove_worker(self, id: str) -> None: ...
    @property
    def user_count(self) -> int: ...
    @property
    def in_progress(self) -> bool: ...
    @property
    def iteration_durations(self) -> list[float]: ...

@final
class RunnerMachine:
    """The state of a runner and the order of what happens at its edges."""

    def __new__(cls) -> RunnerMachine: ...
    @property
    def state(self) -> str: ...
    def set_state(self, name: str) -> None: ...
    def start(self, users: int, rate: float, wait: bool) -> list[tuple[str, Any]]: ...
    def stop(self) -> list[tuple[str, Any]]: ...
    def spawn_begins(self) -> None: ...
    def spawning_complete(self, reset_stats: bool) -> list[tuple[str, Any]]: ...

@final
class Ramp:
    """One order on its way from the present users to the wanted ones."""

    def __new__(cls, users: int, rate: float, wait: bool) -> Ramp: ...
    def next(self, state: str, live: dict[str, int]) -> tuple[str, Any]:
        """What to do next, given the runner's state and the live users of this moment."""
    def dispatched(self, wanted: dict[str, int] | None, live: dict[str, int]) -> None:
        """The answer to "dispatch"."""

@final
class ShapeDriver:
    """Follows one load shape through a test."""

    def __new__(cls) -> ShapeDriver: ...
    @staticmethod
    def goes_on(state: str) -> bool:
        """Whether the shape is asked (again) in this state."""
    def tick(self, tick: Any) -> tuple[str, Any]:
        """What a tick means: "end", "keep", or "start" with the line to log."""
    def forget(self) -> None: ...
    @staticmethod
    def pause(taken: float) -> float:
        """Seconds to the next tick when this one took so long."""

# --- statistics and outputs ------------------------------------------------------------------------------------------

@final
class RequestStats:
    """The statistics of an environment. The engine counts into them directly."""

    def __new__(cls, use_response_times_cache: bool = True) -> RequestStats: ...
    @property
    def use_response_times_cache(self) -> bool:
        """Whether percentiles of the last seconds can be told."""

    @property
    def entries(self) -> StatsEntries:
        """The entries by (name, method); asking for one makes it. Another mapping can be put in its place."""

    @entries.setter
    def entries(self, entries: Mapping[tuple[str, str], StatsEntry]) -> None: ...
    @property
    def total(self) -> StatsEntry:
        """All requests together."""

    @property
    def errors(self) -> StatsErrors:
        """The failures by key; those of a mapping that is assigned replace them."""

    @errors.setter
    def errors(self, errors: Mapping[str, StatsError]) -> None: ...
    @property
    def name_limit(self) -> int:
        """So many different (name, method) are told apart; further ones are counted together."""

    @name_limit.setter
    def name_limit(self, limit: int) -> None: ...
    def keep_samples(self, count: int, redact: list[str] = ...) -> None:
        """Keep so many requests of each failure and name as samples, none with 0; those that are kept are forgotten.
        Values of headers, parameters and fields of these names are removed, beside those of the usual secrets."""

    def samples(self) -> str:
        """JSON of what is kept, as `samples` in the result file."""

    def follow(self) -> None:
        """From now on keep series over time. Use `gregaria.following.follow`, which also ticks."""

    def tick(self, now: float, users: int) -> None:
        """A second has passed: a thread makes the points of all seconds before `now`."""

    def close_history(self, now: float, users: int) -> None:
        """As `tick`, and wait for it."""

    def total_series(self, since: int = 0) -> str:
        """JSON of the series of all requests from the second `since` on, as `history.total` of the result file."""

    def entry_series(self, name: str, method: str, since: int = 0) -> str | None:
        """JSON of the series of one entry, as `segments` in the result file; None if there is no such entry."""

    @property
    def history(self) -> list[dict[str, Any]]:
        """Figures over time, as `gregaria.stats.stats_history` appends them."""

    @history.setter
    def history(self, history: list[dict[str, Any]]) -> None: ...
    @property
    def phases(self) -> dict[str, PhaseTimes]:
        """Where the time of all requests went: a copy, by phase. Of one entry: `StatsEntry.phases`."""

    @property
    def recorder(self) -> Recorder:
        """The listener that counts what the request event tells. Equal for equal statistics."""

    @property
    def num_requests(self) -> int: ...
    @property
    def num_none_requests(self) -> int: ...
    @property
    def num_failures(self) -> int: ...
    @property
    def last_request_timestamp(self) -> float | None: ...
    @property
    def start_time(self) -> float: ...
    def log_request(
        self, method: str | None, name: str, response_time: float | None, content_length: float | None
    ) -> None:
        """Count a request; the response time is in milliseconds."""

    def log_error(self, method: str | None, name: str, error: BaseException | str | None) -> None:
        """Count a failure, besides the request itself."""

    def get(self, name: str, method: str) -> StatsEntry:
        """The entry of a name and method, made if there is none."""

    def reset_all(self) -> None:
        """Everything back to zero; the entries stay."""

    def clear_all(self) -> None:
        """Forget all entries."""

    def serialize_stats(self) -> list[dict[str, Any]]:
        """The entries that counted something, which sets them back to zero."""

    def serialize_errors(self) -> dict[str, dict[str, Any]]: ...

@final
class StatsEntries:
    """The entries of one `RequestStats` by (name, method), as they are at the moment."""

    def __len__(self) -> int: ...
    def __contains__(self, wanted: object, /) -> bool: ...
    def __getitem__(self, wanted: tuple[str, str], /) -> StatsEntry: ...
    def __setitem__(self, wanted: tuple[str, str], entry: StatsEntry, /) -> None: ...
    def __delitem__(self, wanted: tuple[str, str], /) -> None: ...
    def __iter__(self) -> Iterator[tuple[str, str]]: ...
    def keys(self) -> list[tuple[str, str]]: ...
    def values(self) -> list[StatsEntry]: ...
    def items(self) -> list[tuple[tuple[str, str], StatsEntry]]: ...
    def get(self, wanted: tuple[str, str], default: Any = None) -> Any: ...
    def pop(self, wanted: tuple[str, str], *default: Any) -> Any: ...
    def clear(self) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class PhaseTimes:
    """One phase of many requests, copied when asked for. Times are milliseconds."""

    @property
    def name(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def total(self) -> float:
        """All samples together."""

    @property
    def average(self) -> float: ...
    def percentile(self, percent: float) -> float:
        """The value at `percent` (0 to 1), by the same rule as for response times."""

@final
class StatsEntry:
    """Figures of the requests of one name and method, as they are at the moment. Times are milliseconds."""

    def __new__(
        cls, stats: RequestStats, name: str, method: str, use_response_times_cache: bool = False
    ) -> StatsEntry: ...
    @classmethod
    def unserialize(cls, data: dict[str, Any], stats: RequestStats) -> StatsEntry:
        """An entry of its own with what `serialize` told."""

    @property
    def stats(self) -> RequestStats: ...
    @property
    def name(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def phases(self) -> dict[str, PhaseTimes]:
        """Where the time went: blocked, dns, connect, tls, send, wait, receive; those that took place."""

    @property
    def connections(self) -> dict[str, int]:
        """How many exchanges "reused" a connection, and how many opened a "new" one."""

    @property
    def http_versions(self) -> dict[str, int]:
        """Responses by HTTP version, such as "1.1"."""

    @property
    def use_response_times_cache(self) -> bool: ...
    @use_response_times_cache.setter
    def use_response_times_cache(self, wanted: bool) -> None: ...
    @property
    def num_requests(self) -> int: ...
    @property
    def num_none_requests(self) -> int:
        """Requests without a response time."""

    @property
    def num_failures(self) -> int: ...
    @property
    def total_response_time(self) -> float: ...
    @property
    def min_response_time(self) -> float | None: ...
    @property
    def max_response_time(self) -> float: ...
    @property
    def total_content_length(self) -> int: ...
    @property
    def start_time(self) -> float:
        """When the entry was made or set back, in seconds since the epoch. Rates over the whole time count from it."""

    @start_time.setter
    def start_time(self, at: float) -> None: ...
    @property
    def last_request_timestamp(self) -> float | None: ...
    @property
    def num_reqs_per_sec(self) -> dict[int, int]:
        """Requests by second since the epoch, of the last half minute. Like the next two, it stays up to date."""

    @property
    def num_fail_per_sec(self) -> dict[int, int]: ...
    @property
    def response_times(self) -> dict[int, int]:
        """Counts by Locust's coarse buckets in milliseconds, or by what `stats.bucket_response_time` makes."""

    def _counts(
        self, name: str, known: tuple[int, int, int, int] | None = None
    ) -> tuple[tuple[int, int, int, int], dict[int, int]] | None:
        """Counts and the state that they are of; None if that is the `known` one."""

    @property
    def fail_ratio(self) -> float: ...
    @property
    def avg_response_time(self) -> float: ...
    @property
    def median_response_time(self) -> float: ...
    @property
    def avg_content_length(self) -> float: ...
    @property
    def current_rps(self) -> float:
        """Requests per second over ten seconds that end two before the last request."""

    @property
    def current_fail_per_sec(self) -> float: ...
    @property
    def total_rps(self) -> float: ...
    @property
    def total_fail_per_sec(self) -> float: ...
    def get_response_time_percentile(self, percent: float) -> float:
        """The response time at a percentile (0 to 1), to three significant digits; 0 without samples."""

    def get_current_response_time_percentile(self, percent: float) -> float | None:
        """The same of the last seconds; None as long as it is not known."""

    def log(self, response_time: float | None, content_length: float | None) -> None: ...
    def log_error(self, error: object = None) -> None: ...
    def reset(self) -> None: ...
    def extend(self, other: StatsEntry) -> None:
        """Add what another entry has counted."""

    def serialize(self) -> dict[str, Any]: ...
    def get_stripped_report(self) -> dict[str, Any]:
        """`serialize`, then `reset`."""

    def to_dict(self, escape_string_values: bool = False) -> dict[str, Any]: ...
    def to_string(self, current: bool = True) -> str:
        """The row of the table of requests."""

    def percentile(self) -> str:
        """The row of the table of percentiles."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class StatsErrors:
    """The failures of one `RequestStats` by key, as they are at the moment, in the order of their first appearance."""

    def __len__(self) -> int: ...
    def __contains__(self, wanted: object, /) -> bool: ...
    def __getitem__(self, wanted: str, /) -> StatsError: ...
    def __setitem__(self, wanted: str, error: StatsError, /) -> None: ...
    def __delitem__(self, wanted: str, /) -> None: ...
    def __iter__(self) -> Iterator[str]: ...
    def keys(self) -> list[str]: ...
    def values(self) -> list[StatsError]: ...
    def items(self) -> list[tuple[str, StatsError]]: ...
    def get(self, wanted: str, default: Any = None) -> Any: ...
    def pop(self, wanted: str, *default: Any) -> Any: ...
    def clear(self) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class StatsError:
    """One kind of failure, as it is at the moment. Its error is told as text, also where it was an exception."""

    def __new__(
        cls,
        method: str | None,
        name: str,
        error: BaseException | str | None,
        occurrences: int = 0,
        first_seen: float | None = None,
        last_seen: float | None = None,
    ) -> StatsError: ...
    @classmethod
    def parse_error(cls, error: BaseException | str | None) -> str:
        """The text of a failure, its first address masked."""

    @classmethod
    def create_key(cls, method: str | None, name: str, error: BaseException | str | None) -> str:
        """The key under which all nodes know a failure."""

    @classmethod
    def unserialize(cls, data: dict[str, Any]) -> StatsError: ...
    @property
    def method(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def error(self) -> Any: ...
    @property
    def occurrences(self) -> int: ...
    @occurrences.setter
    def occurrences(self, occurrences: int) -> None: ...
    @property
    def first_seen(self) -> float | None: ...
    @first_seen.setter
    def first_seen(self, at: float | None) -> None: ...
    @property
    def last_seen(self) -> float | None: ...
    @last_seen.setter
    def last_seen(self, at: float | None) -> None: ...
    def occurred(self) -> None: ...
    def to_name(self) -> str:
        """The line of the error report."""

    def serialize(self) -> dict[str, Any]: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Recorder:
    """Counts what the request event tells. Where it is the only listener, the engine counts without calling it."""

    def __call__(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: float | None,
        **more: Any,
    ) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class LiveView:
    """Figures of a run at the foot of a terminal, painted by a thread; everything else scrolls above it."""

    def __new__(cls, stats: RequestStats, terminal: str) -> Self:
        """`terminal` is the path of one, such as /dev/pts/1."""

    @staticmethod
    def fits(columns: int, rows: int) -> bool:
        """Whether a terminal of this size has room for it."""

    def show(self, facts: dict[str, Any], columns: int, rows: int) -> None:
        """Paint, without waiting. `facts`: `title`, `state`, `elapsed_s`, `run_time_s`, `users`, `target_users`,
        `generator`, `generator_is_limit`, and `thresholds` as (condition, whether it holds, value)."""

    def close(self) -> None:
        """Give the whole terminal back."""

@final
class ThresholdJudge:
    """Judges a run by conditions under which it has failed, such as `p95(/checkout) > 400ms over 30s`."""

    def __new__(cls, stats: RequestStats, conditions: list[str], warm_up: int = 0) -> Self:
        """ValueError if a condition cannot be understood. `warm_up` seconds at the start are left out."""

    def start(self, now: float) -> None:
        """A test begins, at `now` seconds since the epoch."""

    def tick(self, now: float) -> str | None:
        """Look at the figures, about once a second. Says for what condition the test can be ended early."""

    def finish(self, now: float) -> None:
        """Look for the last time."""

    def judges_failures(self) -> bool:
        """Whether a threshold says how many requests of the whole test may fail."""

    def verdicts(self) -> list[dict[str, Any]]:
        """For each: `condition`, `outcome` ("passed", "failed", "no data"), `value` and `limit` as text for people,
        `entry` (method and name of the one whose value it is, None for all requests), `failed_after_s`."""

    def __len__(self) -> int: ...

@final
class ResultWriter:
    """The result file and the report of a run. Creating it sees that both can be written, or raises OSError."""

    def __new__(
        cls,
        stats: RequestStats,
        result: str | PathLike[str] | None = None,
        report: str | PathLike[str] | None = None,
    ) -> ResultWriter: ...
    def save(self, about: str, exceptions: list[tuple[int, str, str, str]]) -> None:
        """Have a thread write the present state to the result file. `about` is JSON of what the engine does not know.
        Does nothing while the outcome of the last time has not been asked for."""

    def saved(self) -> tuple[float, str | None] | None:
        """Seconds that the last `save` took and what went wrong; None while it goes on."""

    def close(self, about: str, exceptions: list[tuple[int, str, str, str]]) -> list[str]:
        """Write the final state to both, wait for it, and tell what went wrong."""

@final
class CsvWriter:
    """The CSV files of a run, written by a thread of their own. Creating it creates the files, or raises OSError."""

    def __new__(
        cls, stats: RequestStats, prefix: str | PathLike[str], full_history: bool, percentiles: list[float]
    ) -> CsvWriter: ...
    def tick(self, now: float, user_count: int, exceptions: list[tuple[int, str, str, str]]) -> None:
        """Have the present figures written. Exceptions are (count, message, traceback, nodes)."""

    def take_error(self) -> str | None:
        """What went wrong and was not told yet."""

    def close(self, now: float, user_count: int, exceptions: list[tuple[int, str, str, str]]) -> list[str]:
        """Write the final figures, wait for it, and tell what went wrong. A second call does nothing."""

    @property
    def closed(self) -> bool: ...

def report_html(
    stats: RequestStats,
    about: str,
    exceptions: list[tuple[int, str, str, str]],
    ended: float | None = None,
    theme: str = "",
) -> str:
    """The report of a run as it is now, or was when it `ended`; `theme` "light" or "dark" is what its page begins with.
    ValueError says what is wrong with `about`."""

def report_data(
    stats: RequestStats, about: str, exceptions: list[tuple[int, str, str, str]], ended: float | None = None
) -> str:
    """What such a report draws: a result file in JSON without what does not fit; gzipped, in base64, if it is large.
    ValueError says what is wrong with `about`."""

def write_report(result: str | PathLike[str], report: str | PathLike[str]) -> None:
    """Write the report of a result file. ValueError says what is wrong."""

@final
class Comparison:
    """What can be said about the difference of two runs, or groups of runs."""

    @property
    def failed(self) -> int:
        """How many conditions did not pass."""

    @property
    def verdict(self) -> str:
        """The verdict in one line."""

    def text(self, colour: bool = False) -> str:
        """All of it for a terminal."""

    def markdown(self) -> str:
        """A section for the page of a CI job."""

    def html(self) -> str:
        """A page that needs nothing else."""

    def json(self) -> str:
        """Data for other programs: docs/compare.md."""

def compare_results(
    a: list[str],
    b: list[str],
    conditions: list[str] = ...,
    confidence: float = 0.95,
) -> Comparison:
    """Compare result files, several runs to a side. ValueError says what is wrong with a file or a condition."""

def bucket_response_time(response_time: float) -> int:
    """Locust's coarse bucket of a response time, both in milliseconds."""

def format_stats(stats: RequestStats, current: bool, name_width: int, type_width: int = 8) -> list[str]:
    """The table of requests, line by line."""

@final
class TableBeside:
    """A table in the making, beside the thread that asked for it."""

    def take(self) -> str | None:
        """The table, once; None while it is not there yet. RuntimeError if it cannot be made."""

def format_stats_beside(stats: RequestStats, current: bool, name_width: int, type_width: int = 8) -> TableBeside:
    """The table of requests as one text, made by a thread of its own."""

def format_percentiles(
    stats: RequestStats, percentiles: list[float], name_width: int, type_width: int = 8
) -> list[str]:
    """The table of percentiles, line by line."""

def format_errors(stats: RequestStats, name_width: int, type_width: int = 8) -> list[str]:
    """The table of failures, line by line."""

def percentile_labels(percentiles: list[float]) -> list[str]:
    """Percentiles as headings: ``99.9%``."""

# --- cluster ----------------------------------------------------------------------------------------------------------
@final
class MasterLink:
    """Listens for workers, answers them, keeps their list and adds up their statistics; tells the rest by `take`."""

    def __new__(
        cls,
        stats: RequestStats,
        host: str,
        port: int,
        *,
        version: str,
        secret: str | None = None,
        tell_reports: bool = False,
    ) -> MasterLink:
        """Listen on `host` ("*": everywhere) and `port` (0: any). `OSError` if the address cannot be had."""

    @property
    def port(self) -> int: ...
    def fileno(self) -> int:
        """Readable when there is something to take."""

    def take(self) -> list[tuple[str, Any]]:
        """What has come in: verbs and what they are about."""

    def tick(self, liveness: int, dead_at: int, tell_heartbeats: bool, tell_reports: bool) -> None:
        """A heartbeat's interval has passed: who sent none for `liveness` of them is missing."""

    def send(self, kind: str, data: Any, node_id: str) -> bool:
        """Send to a worker; whether it is connected. `TypeError` for data that msgpack does not know."""

    def nodes(self) -> list[tuple[str, str, list[tuple[str, int]], float, int, int, float | None]]:
        """Workers: id, state, users by class, CPU in percent, memory in bytes, liveness, lag of the hub in ms."""

    def node(self, id: str) -> tuple[str, str, list[tuple[str, int]], float, int, int, float | None] | None: ...
    def count_active(self) -> int:
        """Workers that are ready, spawn or run."""

    def all_in_state(self, state: str) -> bool:
        """Whether all workers that are not missing are in this state."""

    def begin_run(self, run: int) -> None:
        """Another run begins: what workers report of an earlier one does not count from now."""

    def health(self) -> list[tuple[str, dict[str, float]]]:
        """What `engine_stats` says on each worker that ever reported it."""

    def forget(self, id: str) -> bool:
        """Take a worker off the list; whether it was on it."""

    def index(self, id: str) -> int:
        """A worker's number, from 0 in the order of first coming."""

    def close(self) -> None: ...

@final
class WorkerLink:
    """Registers with a master, sends heartbeats and reports; tells the rest by `take`."""

    def __new__(
        cls,
        stats: RequestStats,
        host: str,
        port: int,
        id: str,
        *,
        version: str,
        master: str,
        secret: str | None = None,
    ) -> WorkerLink:
        """Begin to connect, and return at once. `master` is how messages call it."""

    def fileno(self) -> int:
        """Readable when there is something to take."""

    def take(self) -> list[tuple[str, Any]]:
        """What has come in: verbs and what they are about."""

    def configure(
        self,
        heartbeat_interval_s: float,
        master_timeout_s: float,
        connect_timeout_s: float,
        connect_retries: int,
        tell_heartbeats: bool,
    ) -> None: ...
    def alive(self, state: str, cpu_usage: float, memory_bytes: int, lag_ms: float) -> None:
        """The hub is alive, and this is how the process is. Without this no heartbeats are sent after ten seconds."""

    def set_state(self, state: str) -> None: ...
    def leave(self) -> None:
        """Tell the master that the test is over here, in the order of what is sent; no heartbeats until `register`."""

    def register(self) -> None:
        """Register with the master, again if need be, in the order of what is sent."""

    def begin_run(self, run: int | None) -> None:
        """What is counted from now on belongs to this run, if the master gives its runs numbers."""

    def reconnect(self) -> None: ...
    def send(self, kind: str, data: Any) -> None:
        """Send in the order of the calls. `TypeError` for data that msgpack does not know."""

    def last_report_follows(self) -> None:
        """The next report is the last one of a run: it tells of all samples that wait."""

    def report(self, users: list[tuple[str, int]], health: dict[str, float]) -> None:
        """Send what was counted since the last report; written on another thread."""

    def take_report(self) -> dict[str, Any]:
        """What was counted since the last report in Locust's form, for listeners to change; `send_report` sends it."""

    def send_report(self, data: dict[str, Any], health: dict[str, float]) -> None: ...
    @property
    def master_is_ours(self) -> bool: ...
    def unconfirmed(self, wait_s: float) -> list[bytes]:
        """Reports, as sent, that the master has not confirmed after so many seconds."""

    def close(self) -> None:
        """Send what is left and close the connection."""

def ask_master(
    host: str, port: int, id: str, kind: str, data: Any, *, timeout_s: float, secret: str | None = None
) -> Any:
    """The data of a master's answer of the same type, None without any in time. `ConnectionError` if it cannot be."""

# --- the engine itself -----------------------------------------------------------------------------------------------

def engine_is_running() -> bool:
    """Whether the engine's threads run in this process: they do from the first request on."""

def engine_stats() -> dict[str, float]:
    """Requests started, completed, aborted and in flight; waits for Python; greenlets in the pool."""

def in_flight(
    stats: RequestStats, users: Iterable[UserGreenlet], host: str, most: int
) -> list[tuple[str, str, str, str, float]]:
    """The oldest requests of this process that have no answer yet: (method, path or URL, class of the user, what it
    waits for, age in seconds), as they were at the call before this one, without what has been answered since."""

def task_begins(user: Any, task_set: Any, task: Any) -> None:
    """Count a task that a method of Python's runs; the engine counts those that it runs itself."""

def tasks_begun(user_class: type[Any], task_set: type[Any] | None, task: Any) -> int:
    """How often users of exactly this class have begun this task of that set, or of their own."""

def forget_tasks_begun() -> None:
    """Count from zero."""

@final
class MeasuredRun:
    """What a run that has ended has measured, taken at this moment; on its way into a store."""

    def __new__(cls, stats: RequestStats, about: str, exceptions: list[tuple[int, str, str, str]]) -> MeasuredRun: ...

@final
class RunStore:
    """The runs of a project that are kept in a folder. RuntimeError, with a sentence, if it cannot be used."""

    def __new__(cls, folder: str | PathLike[str], project: str, most_runs: int | None = None) -> RunStore: ...
    @property
    def path(self) -> Path:
        """The database's file."""

    def add(self, run: MeasuredRun) -> int:
        """Keep a run, once; its number. Takes a while for a large one: call it in a thread."""

@final
class WebServer:
    """The web server of an environment, on a thread of its own. The hub tells it the figures and answers its asks."""

    def __new__(cls, settings: dict[str, Any]) -> WebServer: ...
    def bind(
        self,
        host: str,
        port: int,
        tls_cert: str | PathLike[str] | None = None,
        tls_key: str | PathLike[str] | None = None,
    ) -> tuple[str, int]:
        """Take the port; address and port that it got. OSError if it cannot be had."""

    def start(self) -> None:
        """Serve on the port that `bind` took."""

    def stop(self) -> None:
        """End all connections and the thread; a second call does nothing."""

    @property
    def running(self) -> bool: ...
    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at the event stream."""

    @property
    def wants_tick(self) -> bool:
        """Whether the server is done with what it was told before; if not, a `tick` is passed over."""

    def fileno(self) -> int:
        """Becomes readable when `take` has something to give."""

    def count_from(self, stats: RequestStats) -> None:
        """Take what `/metrics`, `/failures/samples` and `/phases` show from these statistics."""

    def show_runs(self, runs: RunStore) -> None:
        """Serve these runs below `/runs`."""

    def take(self) -> tuple[list[tuple[int, dict[str, Any]]], bool]:
        """Requests that came in since the last call, and whether the figures are wanted at once."""

    def begin(self, id: int, status: int, headers: list[tuple[str, str]]) -> bool:
        """Begin the answer; False if nobody wants it any more."""

    def chunk(self, id: int, chunk: bytes) -> bool | None:
        """A piece of the body: True if it was taken, False if it has to be offered again, None if nobody wants it."""

    def end(self, id: int) -> None:
        """The answer is complete."""

    @property
    def through_flask(self) -> bool:
        """Whether everything that Locust's server would answer is asked of Python."""

    @through_flask.setter
    def through_flask(self, through: bool) -> None: ...
    def tick(
        self,
        stats: RequestStats,
        status: str,
        everything: bool = False,
        exceptions: str | None = None,
        ratios: str | None = None,
        logs: list[str] = ...,
        marks: str | None = None,
    ) -> bool:
        """Tell the state of the run, in JSON; None is as before. True if there is more than was told."""

def protection(path: str) -> list[tuple[str, str]]:
    """Headers of an answer of the web UI at this path, which is below the base path."""

def page_file(name: str, data_id: str | None = None, data: str = "") -> bytes | None:
    """A file of the page; with `data_id`, HTML with a data element in it."""

def requests_csv(stats: RequestStats, percentiles: list[float]) -> bytes:
    """The CSV file of requests."""

def failures_csv(stats: RequestStats) -> bytes:
    """The CSV file of failures."""

def exceptions_csv(stats: RequestStats, exceptions: list[tuple[int, str, str, str]]) -> bytes:
    """The CSV file of exceptions: (count, message, traceback, nodes)."""
