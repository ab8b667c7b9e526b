"""`SocketIOUser`: a client of python-socketio whose messages are in the statistics, both ways."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import gevent

from gregaria import User

from .driver import driver

socketio = driver("socketio", "socketio", "python-socketio")


_Client: Any = socketio.Client


class SocketIOClient(_Client):  # type: ignore[misc]
    """A `socketio.Client`. What cannot be measured from here has a response time of zero."""

    def __init__(self, request_event: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request_event = request_event

    def connect(self, *args: Any, **kwargs: Any) -> None:
        """Connect, as a request of type WS."""
        with self.request_event.measure("WS", "connect"):
            super().connect(*args, **kwargs)

    def send(self, data: Any, namespace: Any = None, callback: Any = None, name: str = "Unnamed") -> None:
        """Send a message, as a request of type WSS."""
        failure = None
        try:
            super().send(data, namespace, callback)
        except Exception as error:
            failure = error
        self._tell("WSS", name, data, failure)

    def emit(self, event: Any, data: Any = None, namespace: Any = None, callback: Any = None) -> None:
        """Emit an event, as a request of type WSE."""
        failure = None
        try:
            super().emit(event, data, namespace, callback)
        except Exception as error:
            failure = error
        self._tell("WSE", str(event), data, failure)

    def call(self, event: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Emit an event and wait for the answer, as a request of type WSC."""
        with self.request_event.measure("WSC", event):
            return super().call(event, data, *args, **kwargs)

    def on_message(self, event: Any, data: Any = None) -> None:
        """Called for each event without a handler of its own (``self.sio.on(event, handler)``), as type WSR."""
        self._tell("WSR", event, data, None)

    def _tell(self, request_type: str, name: str, data: Any, failure: Exception | None) -> None:
        self.request_event.fire(
            request_type=request_type,
            name=name,
            response_time=0,
            response_length=len(data) if isinstance(data, Sized) else 0,
            exception=failure,
            context={},
        )


class SocketIOUser(User):
    """A user with a Socket.IO client, `sio`."""

    abstract = True
    options: dict[str, Any] = {}
    """Options of `socketio.Client`, such as ``{"reconnection_attempts": 1}``."""
    sio: SocketIOClient

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sio = SocketIOClient(self.environment.events.request, **self.options)
        self.sio_greenlet = gevent.spawn(self.sio.wait)
        self.sio.on("*", self.sio.on_message)
