"""`MilvusUser`: a vector database over pymilvus, each operation a request in the statistics.

Operations return a dict: ``success``, ``response_time`` in ms, and ``result`` or ``exception``. A search that finds
nothing is no success there, but no failure in the statistics either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from .driver import CollectionUser, driver, judged_by_content, measured

# gRPC waits in C; this lets other greenlets run meanwhile. It has to come before any channel is made.
driver("grpc.experimental.gevent", "milvus", "grpcio").init_gevent()
pymilvus = driver("pymilvus", "milvus")


class BaseClient(ABC):
    """What a client of Milvus can do."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def create_collection(self, schema: Any, index_params: Any, **kwargs: Any) -> None:
        """Create the collection."""

    @abstractmethod
    def insert(self, data: Any) -> dict[str, Any]:
        """Insert rows."""

    @abstractmethod
    def upsert(self, data: Any) -> dict[str, Any]:
        """Insert rows, or replace them."""

    @abstractmethod
    def search(
        self,
        data: Any,
        anns_field: str,
        limit: int,
        filter: str = "",
        search_params: Any = None,
        output_fields: Any = None,
        calculate_recall: bool = False,
        ground_truth: Any = None,
    ) -> dict[str, Any]:
        """The rows nearest to vectors."""

    @abstractmethod
    def hybrid_search(self, reqs: Any, ranker: Any, limit: int, output_fields: Any = None) -> dict[str, Any]:
        """Several searches, ranked together."""

    @abstractmethod
    def query(self, filter: str, output_fields: Any = None) -> dict[str, Any]:
        """The rows that a filter leaves."""

    @abstractmethod
    def delete(self, filter: str) -> dict[str, Any]:
        """Delete rows."""


class MilvusV2Client(BaseClient):
    """Operations on one collection."""

    def __init__(
        self,
        uri: str,
        collection_name: str,
        token: str = "root:Milvus",
        db_name: str = "default",
        timeout: int = 60,
    ) -> None:
        self.uri = uri
        self.collection_name = collection_name
        self.token = token
        self.db_name = db_name
        self.timeout = timeout
        self.client = pymilvus.MilvusClient(uri=uri, token=token, db_name=db_name, timeout=timeout)

    def close(self) -> None:
        self.client.close()

    def create_collection(self, schema: Any, index_params: Any, **kwargs: Any) -> None:
        self.client.create_collection(
            collection_name=self.collection_name, schema=schema, index_params=index_params, **kwargs
        )

    def insert(self, data: Any) -> dict[str, Any]:
        return measured(self.client.insert, collection_name=self.collection_name, data=data)

    def upsert(self, data: Any) -> dict[str, Any]:
        return measured(self.client.upsert, collection_name=self.collection_name, data=data)

    def search(
        self,
        data: Any,
        anns_field: str,
        limit: int,
        filter: str = "",
        search_params: Any = None,
        output_fields: Any = None,
        calculate_recall: bool = False,
        ground_truth: Any = None,
    ) -> dict[str, Any]:
        outcome = measured(
            self.client.search,
            collection_name=self.collection_name,
            data=data,
            anns_field=anns_field,
            filter=filter,
            limit=limit,
            search_params=search_params,
            output_fields=_fields(output_fields),
        )
        outcome = _judged(outcome)
        if calculate_recall and ground_truth is not None and outcome["success"]:
            outcome["recall"] = self.get_recall(outcome["result"], ground_truth, limit)
        return outcome

    def hybrid_search(self, reqs: Any, ranker: Any, limit: int, output_fields: Any = None) -> dict[str, Any]:
        outcome = measured(
            self.client.hybrid_search,
            collection_name=self.collection_name,
            reqs=reqs,
            ranker=ranker,
            limit=limit,
            output_fields=_fields(output_fields),
            timeout=self.timeout,
        )
        return _judged(outcome)

    @staticmethod
    def get_recall(search_results: Any, ground_truth: Any, limit: int | None = None) -> float:
        """The part of the first ``limit`` ids of ``ground_truth`` that a search has found for its first vector.

        0.0 if that cannot be said: too few ids are known, or the results are none.
        """
        try:
            hits = search_results[0] if isinstance(search_results[0], list) else search_results
            found = [hit.get("id") for hit in hits if hasattr(hit, "get")]
            count = len(found) if limit is None else limit
            if len(ground_truth) < count:
                return 0.0
            wanted = set(ground_truth[:count])
            return len(wanted & set(found)) / len(wanted)
        except (TypeError, IndexError, KeyError, ZeroDivisionError):
            return 0.0

    def query(self, filter: str, output_fields: Any = None) -> dict[str, Any]:
        outcome = measured(
            self.client.query,
            collection_name=self.collection_name,
            filter=filter,
            output_fields=_fields(output_fields),
        )
        return judged_by_content(outcome, len(outcome["result"]) == 0) if outcome["success"] else outcome

    def delete(self, filter: str) -> dict[str, Any]:
        return measured(self.client.delete, collection_name=self.collection_name, filter=filter)


def _fields(output_fields: Any) -> Any:
    return ["id"] if output_fields is None else output_fields


def _judged(outcome: dict[str, Any]) -> dict[str, Any]:
    """A search for several vectors finds nothing if it finds nothing for any of them."""
    if not outcome["success"]:
        return outcome
    return judged_by_content(outcome, all(len(hits) == 0 for hits in outcome["result"]))


class MilvusUser(CollectionUser):
    """A user that works on one collection; its own methods are those of the client, and are counted.

    With a ``schema`` the collection is created; ``kwargs`` are for that.
    """

    client: MilvusV2Client
    abstract = True

    def __init__(
        self,
        environment: Any,
        uri: str = "http://localhost:19530",
        token: str = "root:Milvus",
        collection_name: str = "test_collection",
        db_name: str = "default",
        timeout: int = 60,
        schema: Any = None,
        index_params: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(environment)
        for name, value in (("uri", uri), ("collection_name", collection_name)):
            if value is None:
                raise ValueError(f"{type(self).__name__} needs a {name}")
        self.client_type = "milvus"
        self.client = MilvusV2Client(uri, collection_name, token, db_name, timeout)
        if schema is not None:
            self.client.create_collection(schema, index_params, **kwargs)

    def insert(self, data: Any) -> dict[str, Any]:
        """Insert rows."""
        return self._told("insert", self.client.insert(data))

    def upsert(self, data: Any) -> dict[str, Any]:
        """Insert rows, or replace them."""
        return self._told("upsert", self.client.upsert(data))

    def search(
        self,
        data: Any,
        anns_field: str,
        limit: int,
        filter: str = "",
        search_params: Any = None,
        output_fields: Any = None,
        calculate_recall: bool = False,
        ground_truth: Any = None,
    ) -> dict[str, Any]:
        """The rows nearest to vectors. The recall, if asked for, is a request too: its per cent as milliseconds."""
        outcome = self.client.search(
            data, anns_field, limit, filter, search_params, output_fields, calculate_recall, ground_truth
        )
        self._told("search", outcome)
        if "recall" in outcome:
            self._told("recall", {"response_time": outcome["recall"] * 100})
        return outcome

    def hybrid_search(self, reqs: Any, ranker: Any, limit: int, output_fields: Any = None) -> dict[str, Any]:
        """Several searches, ranked together."""
        return self._told("hybrid_search", self.client.hybrid_search(reqs, ranker, limit, output_fields))

    def query(self, filter: str, output_fields: Any = None) -> dict[str, Any]:
        """The rows that a filter leaves."""
        return self._told("query", self.client.query(filter, output_fields))

    def delete(self, filter: str) -> dict[str, Any]:
        """Delete rows."""
        return self._told("delete", self.client.delete(filter))
