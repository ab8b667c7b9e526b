"""The least that a worker of another make does (as Boomer and locust4j do): msgpack over ZeroMQ, no additions.

Usage: raw_worker.py PORT ; runs under a Python that has pyzmq and msgpack. Ends when the master says quit.
"""

import sys
import time

import msgpack
import zmq

ID = "other_0123456789abcdef"
context = zmq.Context()
socket = context.socket(zmq.DEALER)
socket.setsockopt(zmq.IDENTITY, ID.encode())
socket.connect(f"tcp://127.0.0.1:{sys.argv[1]}")


def send(kind: str, data: object) -> None:
    socket.send(msgpack.packb((kind, data, ID)))


def entry(name: str, method: str, count: int) -> dict[str, object]:
    now = time.time()
    return {
        "name": name,
        "method": method,
        "last_request_timestamp": now,
        "start_time": now - 1,
        "num_requests": count,
        "num_none_requests": 0,
        "num_failures": 1,
        "total_response_time": 20 * count,
        "max_response_time": 20,
        "min_response_time": 20,
        "total_content_length": 100,
        "response_times": {20: count},
        "num_reqs_per_sec": {int(now): count},
        "num_fail_per_sec": {int(now): 1},
    }


def report(count: int, users: int) -> None:
    error = {"name": "/go", "method": "GET", "error": "it broke", "occurrences": 1}
    send(
        "stats",
        {
            "stats": [entry("/go", "GET", count)],
            "stats_total": entry("Total", "", count),
            "errors": {"k": error},
            "user_classes_count": {"Counter": users},
            "user_count": users,
        },
    )


send("client_ready", -1)
state, users, last = "ready", 0, 0.0
while True:
    if time.time() - last > 1:
        last = time.time()
        send("heartbeat", {"state": state, "current_cpu_usage": 1.0})
    if not socket.poll(100):
        continue
    raw = socket.recv()
    if raw.startswith(b"\x93"):
        kind, data, _id = msgpack.unpackb(raw, strict_map_key=False)
        if kind == "spawn":
            users = sum(data["user_classes_count"].values())
            send("spawning", None)
            send("spawning_complete", {"user_classes_count": data["user_classes_count"], "user_count": users})
            state = "running"
            report(40, users)
            socket.send(b"\xc1 no message")
            socket.send(msgpack.packb("nor is this"))
        elif kind == "stop":
            send("client_stopped", None)
            send("client_ready", -1)
            state = "ready"
        elif kind == "reconnect":
            print("reconnect", flush=True)
        elif kind == "quit":
            report(2, 0)
            send("quit", None)
            # Ends when everything has been taken by the master's side, or in five seconds.
            socket.close(linger=5_000)
            context.term()
            break
