"""`DNSUser`: queries over dnspython, each of them a request in the statistics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gregaria import User
from gregaria.exception import LocustError

from .driver import Stopwatch, driver

query = driver("dns.query", "dns", "dnspython")
exception = driver("dns.exception", "dns", "dnspython")


class DNSClient:
    """The functions of `dns.query` (``udp``, ``tcp``, ``tls``, ``https`` …), measured."""

    def __init__(self, request_event: Any) -> None:
        self.request_event = request_event

    def __getattr__(self, function_name: str) -> Callable[..., Any]:
        function = getattr(query, function_name)

        def ask(message: Any, *args: Any, name: str | None = None, **kwargs: Any) -> Any:
            started_at, watch = time.time(), Stopwatch()
            response, failure = None, None
            try:
                response = function(message, *args, **kwargs)
            except exception.DNSException as error:
                failure = error
            else:
                if not response.answer:
                    failure = LocustError("No answer in DNS response")
            self.request_event.fire(
                request_type="DNS",
                name=name or function_name,
                start_time=started_at,
                response_length=0,
                context={},
                exception=failure,
                response_time=watch.ms(),
                response=response,
            )
            return response

        return ask


class DNSUser(User):
    """A user with a `client` for DNS: ``self.client.udp(dns.message.make_query("example.com", "A"), "192.0.2.1")``."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.client = DNSClient(environment.events.request)
