"""`PostgresUser`: queries over psycopg, each of them a request in the statistics."""

from __future__ import annotations

from typing import Any

from gregaria import User

from .driver import driver, measured, request_event, tell

psycopg = driver("psycopg", "postgres")


class PostgresClient:
    """One connection to a database."""

    def __init__(self, conn_string: str, request_event_: Any = None) -> None:
        self.connection = psycopg.connect(conn_string)
        self._event = request_event(request_event_)

    def execute_query(self, query: Any) -> None:
        """Run a query. An error is a failed request, and goes no further."""
        outcome = measured(self.connection.execute, query)
        kind = "postgres_success" if outcome["success"] else "postgres_failure"
        tell(self._event, kind, "execute_query", outcome)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class PostgresUser(User):
    """A user with a connection of its own, `client`, to the database that ``conn_string`` names."""

    abstract = True
    conn_string: str
    """As psycopg takes it: ``postgresql://user:password@host/database``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self, "conn_string", None) is None:
            raise ValueError(f"{type(self).__name__} needs a conn_string, such as 'postgresql://localhost/test'")
        self.client = PostgresClient(self.conn_string, self.environment.events.request)

    def on_stop(self) -> None:
        """Close the connection."""
        self.client.close()
