"""`MongoDBUser`: queries over pymongo, each of them a request in the statistics."""

from __future__ import annotations

from typing import Any

from gregaria import User

from .driver import Stopwatch, driver, request_event, tell

pymongo = driver("pymongo", "mongodb")
errors = driver("pymongo.errors", "mongodb", "pymongo")


_Client: Any = pymongo.MongoClient


class MongoDBClient(_Client):  # type: ignore[misc]
    """A client of one database, `db`."""

    def __init__(self, conn_string: str, db_name: str, request_event_: Any = None) -> None:
        super().__init__(conn_string)
        self.db = self[db_name]
        self.__dict__["_event"] = request_event(request_event_)

    def execute_query(self, collection_name: str, query: Any) -> None:
        """Fetch all documents that a query finds. An error of the driver is a failed request, and goes no further."""
        watch, failure = Stopwatch(), None
        try:
            list(self.db[collection_name].find(query))
        except errors.PyMongoError as error:
            failure = error
        tell(self.__dict__["_event"], "MONGODB", "QUERY", {"response_time": watch.ms(), "exception": failure})


class MongoDBUser(User):
    """A user with a `client` for the database ``db_name`` at ``conn_string``."""

    abstract = True
    conn_string: str
    """As pymongo takes it: ``mongodb://host:27017``."""
    db_name: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("conn_string", "db_name"):
            if getattr(self, name, None) is None:
                raise ValueError(f"{type(self).__name__} needs a {name}")
        self.client = MongoDBClient(self.conn_string, self.db_name, self.environment.events.request)

    def on_stop(self) -> None:
        """Close the connections."""
        self.client.close()
