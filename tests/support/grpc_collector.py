"""A collector of OpenTelemetry over gRPC, in a process of its own, since a server of gRPC's does not go with gevent.

`python grpc_collector.py FOLDER` prints its port. Each request it gets becomes a file `SIGNAL.NUMBER` in the folder. As
long as a file `held` is there, those of `traces` are not answered. It ends with its standard input.
"""

import itertools
import sys
import time
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import grpc

SIGNALS = {"TraceService": "traces", "MetricsService": "metrics", "LogsService": "logs"}


class Collector(grpc.GenericRpcHandler):
    """Answers every export."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        signal = SIGNALS[call.method.split("/")[1].rpartition(".")[2]]
        return grpc.unary_unary_rpc_method_handler(self._export(signal))

    def _export(self, signal: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(request: bytes, context: grpc.ServicerContext) -> bytes:
            number = next(self._numbers)
            written = self._folder / f"written.{number}"
            written.write_bytes(request)
            written.rename(self._folder / f"{signal}.{number}")
            while signal == "traces" and (self._folder / "held").exists() and context.is_active():
                time.sleep(0.01)
            return b""

        return export


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(4), [Collector(Path(sys.argv[1]))])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)
