"""What users' code runs in: a plain greenlet, with the name that gevent gives its own ones."""

from __future__ import annotations

import gevent
from greenlet import greenlet


class TaskGreenlet(greenlet):
    """Lent to a user while its Python code runs. It is no `gevent.Greenlet`, since nobody waits for its end."""

    @property
    def minimal_ident(self) -> int:
        """A small number that no other living greenlet has."""
        return int(gevent.get_hub().ident_registry.get_ident(self))

    @property
    def name(self) -> str:
        """For logs."""
        return f"Greenlet-{self.minimal_ident}"
