"""A user of every system of `contrib`, each doing its things once; the run ends when all has come and is in files.

`SYSTEMS` of the environment has the addresses as JSON. Runs unmodified under Locust and under Gregaria.
"""

import csv
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.message
import gevent
import openai
import pymilvus
from qdrant_client.models import Distance, PointStruct, VectorParams

from locust import User, events, stats, task
from locust.contrib.csv_request_logger import CsvRequestLogger
from locust.contrib.dns import DNSUser
from locust.contrib.milvus import MilvusUser
from locust.contrib.mongodb import MongoDBUser
from locust.contrib.mqtt import MqttUser
from locust.contrib.oai import OpenAIUser
from locust.contrib.postgres import PostgresUser
from locust.contrib.qdrant import QdrantUser
from locust.contrib.socketio import SocketIOUser
from locust.exception import StopUser

SYSTEMS: dict[str, Any] = json.loads(os.environ["SYSTEMS"])
stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0
seen: list[tuple[str, str]] = []
ended: list[str] = []


def wait_until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(30):
        while not condition():
            time.sleep(0.01)


class Once(User):
    abstract = True
    fixed_count = 1

    @task
    def everything(self) -> None:
        try:
            self.work()
        finally:
            ended.append(type(self).__name__)
        raise StopUser

    def work(self) -> None:
        raise NotImplementedError


class Postgres(Once, PostgresUser):
    conn_string = SYSTEMS["postgres"]

    def work(self) -> None:
        self.client.execute_query("SELECT 1")
        self.client.execute_query("SELECT generate_series(1, 1000)")
        self.client.execute_query("SELECT missing FROM nowhere")
        self.client.execute_query("SELECT 2")


class Mongo(Once, MongoDBUser):
    conn_string = SYSTEMS["mongodb"]
    db_name = "shop"

    def work(self) -> None:
        for filter in ({"kind": "lamp"}, {"broken": 1}, {}):
            self.client.execute_query("articles", filter)


class Names(Once, DNSUser):
    def work(self) -> None:
        for host, name in (("example.com", None), ("empty.example.com", "empty"), ("example.com", "again")):
            self.client.udp(dns.message.make_query(host, "A"), "127.0.0.1", port=SYSTEMS["dns"], name=name)
        self.client.udp(
            dns.message.make_query("late.example.com", "A"), "127.0.0.1", port=SYSTEMS["silent"], timeout=0.01
        )


class Qdrant(Once, QdrantUser):
    url = SYSTEMS["qdrant"]
    collection_name = "articles"
    vectors_config = VectorParams(size=2, distance=Distance.DOT)

    def work(self) -> None:
        self.upsert([PointStruct(id=1, vector=[1.0, 2.0])])
        found = [self.search([1.0, 2.0]), self.search([1.0, 2.0], limit=1), self.scroll(), self.delete([1])]
        assert [each["success"] for each in found] == [True, False, True, False], found


class Milvus(Once, MilvusUser):
    def __init__(self, environment: Any) -> None:
        schema = pymilvus.MilvusClient.create_schema()
        schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
        schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=2)
        index = pymilvus.MilvusClient.prepare_index_params()
        index.add_index("vector", metric_type="L2")
        super().__init__(environment, SYSTEMS["milvus"], collection_name="c", schema=schema, index_params=index)

    def work(self) -> None:
        rows = [{"id": number, "vector": [float(number), 2.0]} for number in range(1, 4)]
        self.insert(rows)
        self.upsert(rows[:1])
        found = self.search([[1.0, 2.0]], "vector", 2, calculate_recall=True, ground_truth=[1, 3])
        assert found["recall"] == 0.5, found
        asked = pymilvus.AnnSearchRequest([[1.0, 2.0]], "vector", {"metric_type": "L2"}, 3)
        answers = [
            self.search([[1.0, 2.0]], "vector", 2, filter="id in [77]"),
            self.hybrid_search([asked], pymilvus.RRFRanker(), 2),
            self.query("id > 1"),
            self.query("id in [77]"),
            self.query("broken"),
            self.delete("id > 0"),
        ]
        assert [each["success"] for each in answers] == [False, True, True, False, False, True], answers


class OpenAI(Once, OpenAIUser):
    def work(self) -> None:
        self.client.responses.create(model="m", input="hello")
        with self.client.rename_request("chat"):
            self.client.responses.create(model="m", input="hello")
            try:
                self.client.responses.create(model="m", input="broken")
            except openai.BadRequestError:
                pass


class Socket(Once, SocketIOUser):
    options = {"reconnection": False}

    def work(self) -> None:
        self.sio.connect(SYSTEMS["socketio"], transports=["polling"])
        self.sio.call("shout", "hello")
        self.sio.emit("tell me", "4")
        wait_until(lambda: ("WSR", "news") in seen)
        self.sio.send("a message", name="named")
        self.sio.disconnect()
        self.sio_greenlet.join(10)
        self.sio.emit("too late", "xyz")
        self.sio.connect(SYSTEMS["nobody"], transports=["polling"])


class Mqtt(Once, MqttUser):
    abstract = True
    host, port = "127.0.0.1", SYSTEMS["mqtt"]
    username, password = "visitor", "secret"

    def work(self) -> None:
        kind = type(self).__name__
        received: list[bytes] = []
        wait_until(self.client.is_connected)
        self.client.on_message = lambda client, userdata, message: received.append(message.payload)
        self.client.subscribe(f"news/{kind}", qos=1)
        wait_until(lambda: ("MQTT", f"subscribe:1:news/{kind}") in seen)
        for qos in (0, 1, 2):
            self.client.publish(f"news/{kind}", b"x" * (qos + 1), qos=qos)
        wait_until(lambda: len(received) == 3)
        wait_until(lambda: all(("MQTT", f"publish:{qos}:news/{kind}") in seen for qos in (0, 1, 2)))
        self.client.disconnect()
        wait_until(lambda: not self.client.is_connected())
        # Waits for the end of the thread that tells of the end.
        self.client.loop_stop()


class Mqtt4(Mqtt):
    protocol = 4

    def work(self) -> None:
        super().work()
        self.client.publish("too/late", b"x")


class Mqtt5(Mqtt):
    protocol = 5


def files_are_complete(total: Any) -> bool:
    """Locust's CSV files may be a second behind."""
    with open("out_stats.csv", newline="") as file:
        counted = [int(row["Request Count"]) for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    with open("out_failures.csv", newline="") as file:
        failed = sum(int(row["Occurrences"]) for row in csv.DictReader(file))
    return counted == [total.num_requests] and failed == total.num_failures


def finish(environment: Any) -> None:
    users = len([kind for kind in environment.user_classes if not kind.abstract])
    wait_until(lambda: len(ended) == users)
    wait_until(lambda: files_are_complete(environment.stats.total))
    Path("ended.json").write_text(json.dumps(sorted(ended)))
    environment.runner.quit()


@events.request.add_listener
def note(request_type: str, name: str, **_: Any) -> None:
    seen.append((request_type, name))


@events.init.add_listener
def begin(environment: Any, **_: Any) -> None:
    CsvRequestLogger("requests.csv", flush_interval=1).register(environment)
    gevent.spawn(finish, environment)
