"""`QdrantUser`: a vector database over qdrant-client, each operation a request in the statistics.

Operations return a dict: ``success``, ``response_time`` in ms, and ``result`` or ``exception``. A search that finds
nothing is no success there, but no failure in the statistics either.
"""

from __future__ import annotations

from typing import Any

from .driver import CollectionUser, driver, judged_by_content, measured

qdrant_client = driver("qdrant_client", "qdrant", "qdrant-client")


class QdrantLocustClient:
    """Operations on one collection."""

    def __init__(
        self, url: str, collection_name: str, api_key: str | None = None, timeout: int = 60, **kwargs: Any
    ) -> None:
        self.url = url
        self.collection_name = collection_name
        self.api_key = api_key
        self.timeout = timeout
        self.client = qdrant_client.QdrantClient(url=url, api_key=api_key, timeout=timeout, **kwargs)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def create_collection(self, vectors_config: Any, **kwargs: Any) -> None:
        """Create the collection unless it is there."""
        name = self.collection_name
        if not self.client.collection_exists(collection_name=name):
            self.client.create_collection(collection_name=name, vectors_config=vectors_config, **kwargs)

    def upsert(self, points: Any) -> dict[str, Any]:
        """Insert points, or replace them."""
        return measured(self.client.upsert, collection_name=self.collection_name, points=points)

    def search(
        self,
        query: Any,
        limit: int = 10,
        query_filter: Any = None,
        search_params: Any = None,
        with_payload: bool = True,
    ) -> dict[str, Any]:
        """The points nearest to a vector."""
        outcome = measured(
            self.client.query_points,
            collection_name=self.collection_name,
            query=query,
            limit=limit,
            query_filter=query_filter,
            search_params=search_params,
            with_payload=with_payload,
        )
        return judged_by_content(outcome, not outcome["result"].points) if outcome["success"] else outcome

    def scroll(self, scroll_filter: Any = None, limit: int = 10, with_payload: bool = True) -> dict[str, Any]:
        """A page of points, with ``next_offset`` for the page after it."""
        outcome = measured(
            self.client.scroll,
            collection_name=self.collection_name,
            scroll_filter=scroll_filter,
            limit=limit,
            with_payload=with_payload,
        )
        if not outcome["success"]:
            return outcome
        records, next_offset = outcome["result"]
        return {**judged_by_content(outcome, not records), "result": records, "next_offset": next_offset}

    def delete(self, points_selector: Any) -> dict[str, Any]:
        """Delete points."""
        return measured(self.client.delete, collection_name=self.collection_name, points_selector=points_selector)


class QdrantUser(CollectionUser):
    """A user that works on one collection; its own methods are those of the client, and are counted."""

    client: QdrantLocustClient
    abstract = True
    url: str = "http://localhost:6333"
    api_key: str | None = None
    collection_name: str | None = None
    timeout: int = 60
    vectors_config: Any = None
    """If given, the collection is created with it unless it is there."""
    client_kwargs: dict[str, Any] | None = None
    collection_kwargs: dict[str, Any] | None = None

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if self.collection_name is None:
            raise ValueError(f"{type(self).__name__} needs a collection_name")
        self.client_type = "qdrant"
        self.client = QdrantLocustClient(
            url=self.url,
            collection_name=self.collection_name,
            api_key=self.api_key,
            timeout=self.timeout,
            **(self.client_kwargs or {}),
        )
        if self.vectors_config is not None:
            self.client.create_collection(self.vectors_config, **(self.collection_kwargs or {}))

    def upsert(self, points: Any) -> dict[str, Any]:
        """Insert points, or replace them."""
        return self._told("upsert", self.client.upsert(points))

    def search(
        self,
        query: Any,
        limit: int = 10,
        query_filter: Any = None,
        search_params: Any = None,
        with_payload: bool = True,
    ) -> dict[str, Any]:
        """The points nearest to a vector."""
        return self._told("search", self.client.search(query, limit, query_filter, search_params, with_payload))

    def scroll(self, scroll_filter: Any = None, limit: int = 10, with_payload: bool = True) -> dict[str, Any]:
        """A page of points."""
        return self._told("scroll", self.client.scroll(scroll_filter, limit, with_payload))

    def delete(self, points_selector: Any) -> dict[str, Any]:
        """Delete points."""
        return self._told("delete", self.client.delete(points_selector))
