"""Whose nodes may talk to each other: the secret of a cluster, given, made up, or waived.

master on loopback            plain, as Locust's nodes expect
master open to the network    encrypted; a secret is made up and shown if none is given
--insecure-cluster            plain everywhere, with a warning
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import sys
from argparse import Namespace
from pathlib import Path

logger = logging.getLogger("locust.main")

SHORTEST_SECRET = 16


def given_secret(options: Namespace | None) -> str | None:
    """The secret that the options name, from themselves or from a file; exits if it cannot be used."""
    secret: str | None = getattr(options, "gregaria_cluster_secret", None)
    path: str | None = getattr(options, "gregaria_cluster_secret_file", None)
    if path:
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            logger.error("--cluster-secret-file: cannot read %s: %s", path, error)
            sys.exit(1)
    if secret is not None and len(secret) < SHORTEST_SECRET:
        logger.error(
            "The cluster's secret has %d characters; at least %d are needed. A good one: %s",
            len(secret),
            SHORTEST_SECRET,
            secrets.token_urlsafe(24),
        )
        sys.exit(1)
    return secret


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach a listener on this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def master_secret(host: str, port: int, options: Namespace | None) -> str | None:
    """What a master that listens on this address asks its workers for; None for links in the open."""
    if secret := given_secret(options):
        return secret
    if is_loopback(host) or options is None:
        return None
    if getattr(options, "gregaria_insecure_cluster", False):
        logger.warning(
            "--insecure-cluster: the master listens on %s:%s in the open. Whoever can reach it can read and change "
            "the test, and send the workers to other hosts.",
            host,
            port,
        )
        return None
    secret = secrets.token_urlsafe(24)
    logger.info(
        "The master listens beyond this machine, so its links are encrypted. Start workers with:\n"
        "    GREGARIA_CLUSTER_SECRET=%s gregaria --worker --master-host <this machine> --master-port %s -f <file>\n"
        "Locust's own workers cannot join this way: use --insecure-cluster for them, or --master-bind-host 127.0.0.1.",
        secret,
        port,
    )
    options.gregaria_cluster_secret = secret
    return secret


def worker_secret(options: Namespace | None) -> str | None:
    """What a worker tells its master; None for links in the open."""
    return given_secret(options)
