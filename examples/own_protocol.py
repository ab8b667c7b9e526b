"""A user of any protocol: whatever it measures counts as requests."""

import socket
from urllib.parse import urlsplit

from locust import User, constant, task


class Connecting(User):
    """Measures how long it takes to connect, with the standard library."""

    wait_time = constant(0.05)

    @task
    def connect(self) -> None:
        place = urlsplit(self.host or "")
        with (
            self.environment.events.request.measure("TCP", "connect") as meta,
            socket.create_connection((place.hostname or "", place.port or 80), timeout=5) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            meta["response_length"] = len(connection.recv(1024))
