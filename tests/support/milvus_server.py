"""As much of Milvus as `MilvusUser` needs, in a process of its own, since a server of gRPC's does not go with gevent.

Prints its port, and ends with its standard input. Collections hold rows with an `id` and one vector; searches look at
all of them. A filter is empty, or one of: `id in [1, 2]`, `id > 0`; `broken` is an error; `together` is answered when
two requests wait for it.
"""

import json
import re
import struct
import sys
import threading
from concurrent import futures
from typing import Any

import grpc
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2

FINE = common_pb2.Status(code=0)
TOGETHER_S = 30
Rows = dict[int, list[float]]


class Refused(Exception):
    """What Milvus answers with an error."""


def passing(rows: Rows, condition: str) -> Rows:
    """The rows that a filter leaves."""
    if not condition:
        return rows
    if listed := re.fullmatch(r"id in (\[.*\])", condition):
        return {key: rows[key] for key in json.loads(listed[1]) if key in rows}
    if above := re.fullmatch(r"id > (\d+)", condition):
        return {key: vector for key, vector in rows.items() if key > int(above[1])}
    raise Refused(f"cannot parse expression: {condition}")


class Milvus(milvus_pb2_grpc.MilvusServiceServicer):
    """Answers every call of one client after the other; `together` of two at once."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}
        self._rows: dict[str, Rows] = {}
        self._pair = threading.Barrier(2)

    def Connect(self, request: Any, context: Any) -> Any:
        return milvus_pb2.ConnectResponse(status=FINE, identifier=1)

    def CreateCollection(self, request: Any, context: Any) -> Any:
        schema = schema_pb2.CollectionSchema.FromString(request.schema)
        self._schemas[request.collection_name] = schema
        self._rows.setdefault(request.collection_name, {})
        return FINE

    def DescribeCollection(self, request: Any, context: Any) -> Any:
        schema = self._schemas.get(request.collection_name)
        if schema is None:
            return milvus_pb2.DescribeCollectionResponse(status=error(f"no collection {request.collection_name}", 100))
        return milvus_pb2.DescribeCollectionResponse(status=FINE, schema=schema)

    def CreateIndex(self, request: Any, context: Any) -> Any:
        return FINE

    def DescribeIndex(self, request: Any, context: Any) -> Any:
        done = milvus_pb2.IndexDescription(
            index_name=request.index_name or "vector", field_name="vector", state=common_pb2.IndexState.Finished
        )
        return milvus_pb2.DescribeIndexResponse(status=FINE, index_descriptions=[done])

    def LoadCollection(self, request: Any, context: Any) -> Any:
        return FINE

    def GetLoadingProgress(self, request: Any, context: Any) -> Any:
        return milvus_pb2.GetLoadingProgressResponse(status=FINE, progress=100)

    def Insert(self, request: Any, context: Any) -> Any:
        return self._stored(request, "insert_cnt")

    def Upsert(self, request: Any, context: Any) -> Any:
        return self._stored(request, "upsert_cnt")

    def _stored(self, request: Any, count: str) -> Any:
        fields = {each.field_name: each for each in request.fields_data}
        keys, vectors = list(fields["id"].scalars.long_data.data), fields["vector"].vectors
        rows = self._rows[request.collection_name]
        for number, key in enumerate(keys):
            rows[key] = list(vectors.float_vector.data[number * vectors.dim : (number + 1) * vectors.dim])
        return milvus_pb2.MutationResult(status=FINE, IDs=ids(keys), **{count: len(keys)})

    def Delete(self, request: Any, context: Any) -> Any:
        try:
            gone = list(self._passing(request.collection_name, request.expr))
        except Refused as refused:
            return milvus_pb2.MutationResult(status=error(str(refused)))
        for key in gone:
            del self._rows[request.collection_name][key]
        return milvus_pb2.MutationResult(status=FINE, delete_cnt=len(gone))

    def Query(self, request: Any, context: Any) -> Any:
        try:
            keys = list(self._passing(request.collection_name, request.expr))
        except Refused as refused:
            return milvus_pb2.QueryResults(status=error(str(refused)))
        field = schema_pb2.FieldData(type=schema_pb2.DataType.Int64, field_name="id")
        field.scalars.long_data.data.extend(keys)
        return milvus_pb2.QueryResults(status=FINE, fields_data=[field], output_fields=["id"], primary_field_name="id")

    def Search(self, request: Any, context: Any) -> Any:
        try:
            found = self._nearest(request)
        except Refused as refused:
            return milvus_pb2.SearchResults(status=error(str(refused)))
        return results(found)

    def HybridSearch(self, request: Any, context: Any) -> Any:
        merged = dict(hit for each in request.requests for hits in self._nearest(each) for hit in hits)
        return results([sorted(merged.items(), key=lambda hit: hit[1])[: limit_of(request.rank_params)]])

    def _passing(self, collection: str, condition: str) -> Rows:
        if condition == "broken":
            raise Refused("broken")
        if condition == "together":
            self._pair.wait(TOGETHER_S)
            condition = ""
        return passing(self._rows[collection], condition)

    def _nearest(self, request: Any) -> list[list[tuple[int, float]]]:
        """Ids and distances of the nearest rows, for each vector that is asked for."""
        rows = self._passing(request.collection_name, request.dsl)
        (group,) = common_pb2.PlaceholderGroup.FromString(request.placeholder_group).placeholders
        found = []
        for packed in group.values:
            wanted = struct.unpack(f"<{len(packed) // 4}f", packed)
            distances = [
                (key, sum((a - b) ** 2 for a, b in zip(wanted, row, strict=True))) for key, row in rows.items()
            ]
            found.append(sorted(distances, key=lambda hit: hit[1])[: limit_of(request.search_params)])
        return found


def error(reason: str, code: int = 65535) -> Any:
    return common_pb2.Status(code=code, error_code=common_pb2.ErrorCode.UnexpectedError, reason=reason)


def ids(keys: list[int]) -> Any:
    return schema_pb2.IDs(int_id=schema_pb2.LongArray(data=keys))


def limit_of(parameters: Any) -> int:
    return int(next(each.value for each in parameters if each.key in ("topk", "limit")))


def results(found: list[list[tuple[int, float]]]) -> Any:
    data = schema_pb2.SearchResultData(
        num_queries=len(found),
        top_k=max(map(len, found)),
        topks=list(map(len, found)),
        ids=ids([key for hits in found for key, _distance in hits]),
        scores=[distance for hits in found for _key, distance in hits],
        primary_field_name="id",
    )
    return milvus_pb2.SearchResults(status=FINE, results=data)


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(8))
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Milvus(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)
