"""The limit of open files: raise it, and say before the run when it will not do for the users asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from ..network import port_range

logger = logging.getLogger("locust.main")

MINIMUM_OPEN_FILES = 10_000
SPARE_FILES = 64


def warn_of_few_ports(users: int | None, classes: Iterable[Any]) -> None:
    """Say so if there are more users than ports to connect from; each own address has all of them."""
    found = port_range()
    if found is None or not users:
        return
    low, high = found
    told = [len(getattr(each, "source_addresses", ()) or ()) for each in classes if hasattr(each, "source_addresses")]
    addresses = max(1, min(told, default=1))
    ports = (high - low + 1) * addresses
    if users > ports:
        logger.warning(
            "There are %d ports to connect from (%d to %d%s), too few for a connection of each of %d users to one "
            "server: more will fail. Give the user class more source_addresses, widen the range (sysctl "
            "net.ipv4.ip_local_port_range), or spread the users over more machines.",
            ports,
            low,
            high,
            f", {addresses} addresses" if addresses > 1 else "",
            users,
        )


def raise_open_file_limit(users: int | None) -> None:
    """Raise the soft limit to what `users` connections need (at least 10,000), as far as the system allows."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = (users or 0) + SPARE_FILES
    wanted = max(MINIMUM_OPEN_FILES, needed)
    limit = soft if _covers(soft, wanted) else _raise(wanted, soft, hard)
    if not _covers(limit, needed):
        logger.warning(
            "At most %d files can be open, which is too few for %d users: connections beyond that will fail. "
            "Raise the hard limit (ulimit -Hn, or LimitNOFILE= of a systemd unit) or run fewer users.",
            limit,
            users,
        )
    elif not _covers(limit, MINIMUM_OPEN_FILES):
        logger.warning(
            "At most %d files can be open, and the system does not allow to raise that to %d; every user with an open "
            "connection needs one.",
            limit,
            MINIMUM_OPEN_FILES,
        )


def _raise(wanted: int, soft: int, hard: int) -> int:
    """The soft limit after trying: to `wanted`, for which root may raise the hard one too, else to the hard one."""
    import resource

    attempts = [(wanted, hard)] if _covers(hard, wanted) else [(wanted, wanted), (hard, hard)]
    for limits in attempts:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        except (ValueError, OSError):
            continue
        return limits[0]
    return soft


def _covers(limit: int, wanted: int) -> bool:
    import resource

    return limit == resource.RLIM_INFINITY or limit >= wanted
