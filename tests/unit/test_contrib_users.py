"""The users of other systems than HTTP: what they report, with their real drivers against tiny servers in this process.

Each driver has to let other greenlets run while it waits: the servers are such greenlets, so nothing would come else.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from gregaria.contrib.csv_request_logger import CSV_COLUMNS, CsvRequestLogger
from gregaria.contrib.dns import DNSUser
from gregaria.contrib.mongodb import MongoDBUser
from gregaria.contrib.mqtt import MqttUser
from gregaria.contrib.postgres import PostgresClient, PostgresUser
from gregaria.contrib.qdrant import QdrantUser
from gregaria.contrib.socketio import SocketIOUser
from gregaria.env import Environment
from support import protocols, servers
from support.population import PATIENCE_S, wait_for

Told = list[dict[str, Any]]


@pytest.fixture
def environment() -> Environment:
    return Environment(user_classes=[])


@pytest.fixture
def told(environment: Environment) -> Told:
    """All request events of the environment."""
    heard: Told = []
    environment.events.request.add_listener(lambda **arguments: heard.append(arguments))
    return heard


def brief(told: Told) -> list[tuple[str, str, str]]:
    """Type, name and kind of failure of each."""
    return [(each["request_type"], each["name"], type(each.get("exception")).__name__) for each in told]


def made(base: Any, environment: Environment, **body: Any) -> Any:
    return type("Visitor", (base,), body)(environment)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["tiny", "real"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A connection string: of a tiny server, and of PostgreSQL itself."""
    if request.param == "tiny":
        with protocols.listening(protocols.postgres) as port:
            yield f"postgresql://user@127.0.0.1:{port}/test?sslmode=disable&gssencmode=disable"
    else:
        with servers.postgresql() as where:
            yield where


def test_postgres(environment: Environment, told: Told, database: str) -> None:
    user = made(PostgresUser, environment, conn_string=database)
    assert user.client.execute_query("SELECT 1") is None
    user.client.execute_query("SELECT broken FROM nowhere")
    user.on_stop()
    user.client.execute_query("SELECT 1")
    assert [each[:2] for each in brief(told)] == [
        ("postgres_success", "execute_query"),
        ("postgres_failure", "execute_query"),
        ("postgres_failure", "execute_query"),
    ]
    assert "OperationalError" in repr(told[2]["exception"])
    assert all(isinstance(each["response_time"], int) and each["response_length"] == 0 for each in told)


def test_queries_of_several_users_wait_at_once(environment: Environment, told: Told) -> None:
    sums = []
    with protocols.listening(protocols.postgres) as port:
        where = f"postgresql://user@127.0.0.1:{port}/test?sslmode=disable&gssencmode=disable"
        for _ in range(3):
            told.clear()
            users = [made(PostgresUser, environment, conn_string=where) for _ in range(8)]
            gevent.joinall([gevent.spawn(user.client.execute_query, "SELECT 1") for user in users], raise_error=True)
            for user in users:
                user.on_stop()
            assert [each[0] for each in brief(told)] == ["postgres_success"] * 8
            sums.append(sum(each["response_time"] for each in told))
    # The server takes 50 ms for each. One after the other they would add up to 1,800 ms every time; on a full machine
    # waiting at once may look so too, but not three times.
    assert min(sums) < 8 * 200, sums


def test_a_client_made_by_hand_tells_the_event_of_locustfiles() -> None:
    import gregaria

    heard: Told = []
    gregaria.events.request.add_listener(lambda **arguments: heard.append(arguments))
    try:
        with protocols.listening(protocols.postgres) as port:
            client = PostgresClient(f"postgresql://user@127.0.0.1:{port}/t?sslmode=disable&gssencmode=disable")
            client.execute_query("SELECT 1")
            client.close()
    finally:
        gregaria.events.request._handlers.pop()
    assert len(heard) == 1


# --- MongoDB, MQTT, DNS ----------------------------------------------------------------------------------------------


def test_mongodb(environment: Environment, told: Told) -> None:
    with protocols.listening(protocols.mongo) as port:
        user = made(MongoDBUser, environment, conn_string=f"mongodb://127.0.0.1:{port}/", db_name="shop")
        user.client.execute_query("articles", {"kind": "lamp"})
        user.client.execute_query("articles", {"broken": 1})
        user.on_stop()
    assert brief(told) == [("MONGODB", "QUERY", "NoneType"), ("MONGODB", "QUERY", "OperationFailure")]
    assert user.client.db.name == "shop"


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[dict[str, int]]:
    with servers.mosquitto() as ports:
        yield ports


@pytest.mark.parametrize(("version", "transport"), [(4, "tcp"), (5, "tcp"), (4, "websockets")])
@pytest.mark.parametrize("use_loop_selectors", [False, True])
def test_mqtt_with_mosquitto(
    environment: Environment,
    told: Told,
    mosquitto: dict[str, int],
    version: int,
    transport: str,
    use_loop_selectors: bool,
) -> None:
    topic = f"news/{version}{transport}{use_loop_selectors}"
    settings = {"host": "127.0.0.1", "port": mosquitto[transport], "transport": transport, "protocol": version}
    settings.update(username="visitor", password="secret", use_loop_selectors=use_loop_selectors)
    # Over TCP more than the sockets hold, so that sending is interrupted; paho's WebSocket does not survive that.
    large = b"x" * (4_000_000 if transport == "tcp" else 50_000)
    received: list[bytes] = []
    reader, writer = (made(MqttUser, environment, **settings).client for _ in range(2))
    reader.on_message = lambda client, userdata, message: received.append(message.payload)
    try:
        wait_for(lambda: reader.is_connected() and writer.is_connected() and len(told) == 2)
        reader.subscribe(topic, qos=1)
        wait_for(lambda: len(told) == 3)
        for qos, payload in enumerate((b"sent", "received", b"all done")):
            writer.publish(topic, payload, qos=qos)
        writer.publish(topic, large, qos=1)
        wait_for(lambda: len(told) == 7 and len(received) == 4)
    finally:
        for client in (reader, writer):
            client.disconnect()
            client.loop_stop()
    assert sorted(received) == [b"all done", b"received", b"sent", large]
    assert sorted(each[1:] for each in brief(told)) == [
        *(("connect", "NoneType"), ("connect", "NoneType"), ("disconnect", "NoneType"), ("disconnect", "NoneType")),
        *((f"publish:{qos}:{topic}", "NoneType") for qos in (0, 1, 1, 2)),
        (f"subscribe:1:{topic}", "NoneType"),
    ]
    assert all(each["response_time"] > 0 for each in told if "publish" in each["name"] or "subscribe" in each["name"])
    assert {each["response_length"] for each in told} == {0, 4, 8, len(large)}


def test_mosquitto_refuses_a_wrong_password(environment: Environment, told: Told, mosquitto: dict[str, int]) -> None:
    settings = {"host": "127.0.0.1", "port": mosquitto["tcp"], "username": "visitor", "password": "wrong"}
    client = made(MqttUser, environment, **settings).client
    wait_for(lambda: len(told) > 1)
    client.disconnect()
    client.loop_stop()
    assert [each[1:] for each in brief(told)][:2] == [("connect", "Exception"), ("disconnect", "MQTTErrorCode")]
    assert not client.is_connected()


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("use_loop_selectors", [False, True])
def test_mqtt(environment: Environment, told: Told, version: int, use_loop_selectors: bool) -> None:
    with protocols.listening(protocols.broker) as port:
        settings = {"host": "127.0.0.1", "port": port, "protocol": version, "username": "a", "password": "b"}
        user = made(MqttUser, environment, use_loop_selectors=use_loop_selectors, **settings)
        client = user.client
        wait_for(client.is_connected)
        client.publish("news", b"hello", qos=1)
        client.publish("news", "hi")
        client.subscribe("news/#")
        client.subscribe([("forbidden", 1), ("other", 0)])
        wait_for(lambda: len(told) == 5)
        client.publish("bye")
        wait_for(lambda: any(each["name"] == "disconnect" for each in told))
        client.disconnect()
        client.loop_stop()
    names = [each[1:] for each in brief(told)]
    assert names[0] == ("connect", "NoneType")
    assert set(names[1:5]) == {
        ("publish:1:news", "NoneType"),
        ("publish:0:news", "NoneType"),
        ("subscribe:0:news/#", "NoneType"),
        ("subscribe:0:forbidden", "AssertionError"),
    }
    published = next(each for each in told if each["name"] == "publish:1:news")
    assert published["response_length"] == 5 and published["response_time"] > 0
    assert published["context"].keys() == {"client_id", "qos", "topic", "start_time", "payload_size"}
    assert published["context"]["client_id"].startswith("locust-")
    lost = next(each for each in told if each["name"] == "disconnect")
    assert lost["exception"] is not None


def test_mqtt_without_its_thread(environment: Environment, told: Told) -> None:
    """The message has gone before `publish` knows its id."""
    with protocols.listening(protocols.broker) as port:
        client = made(MqttUser, environment, host="127.0.0.1", port=port).client
        wait_for(client.is_connected)
        client.loop_stop()
        told.clear()
        client.publish("news", b"hello")
        client.disconnect()
    assert brief(told) == [("MQTT", "publish:0:news", "NoneType"), ("MQTT", "disconnect", "NoneType")]
    assert told[0]["response_length"] == 5 and told[0]["response_time"] > 0
    assert not client._early and not client._publish_requests


def test_mqtt_without_a_connection(environment: Environment, told: Told) -> None:
    user = made(MqttUser, environment, host="127.0.0.1", port=protocols.refusing_port(), client_id="mine")
    user.client.publish("news", 5)
    user.client.subscribe(("news", 1))
    user.client._on_publish_cb(user.client, None, 99)
    user.client._on_subscribe_cb_v3x(user.client, None, 99, [0])
    user.client._on_connect_cb_v3x(user.client, None, {}, 5)
    user.client._on_disconnect_cb_v3x(user.client, None, 0)
    with pytest.raises(ValueError):
        user.client._loop_selectors(-1)
    user.client.loop_stop()
    assert [each[1:] for each in brief(told)] == [
        ("publish:0:news", "MQTTErrorCode"),
        ("subscribe:0:news", "MQTTErrorCode"),
        ("publish", "AssertionError"),
        ("subscribe", "AssertionError"),
        ("connect", "Exception"),
        ("disconnect", "NoneType"),
    ]
    assert all(each["context"]["client_id"] == "mine" for each in told)


def test_dns(environment: Environment, told: Told) -> None:
    import dns.message

    with protocols.name_server() as port:
        client = made(DNSUser, environment).client
        found = client.udp(dns.message.make_query("example.com", "A"), "127.0.0.1", port=port)
        client.udp(dns.message.make_query("empty.example.com", "A"), "127.0.0.1", port=port, name="empty")
    silent = protocols.refusing_port()
    nothing = client.udp(
        dns.message.make_query("example.com", "A"), "127.0.0.1", port=silent, timeout=0.01, name="late"
    )
    assert "192.0.2.7" in found.to_text() and nothing is None
    assert [each[:2] for each in brief(told)] == [("DNS", "udp"), ("DNS", "empty"), ("DNS", "late")]
    assert [str(each["exception"] or "")[:9] for each in told] == ["", "No answer", "The DNS o"]
    with pytest.raises(AttributeError):
        client.no_such_function  # noqa: B018


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_qdrant(environment: Environment, told: Told) -> None:
    from qdrant_client.models import Distance, PointStruct, VectorParams

    with protocols.web(protocols.qdrant) as url:
        vectors = VectorParams(size=2, distance=Distance.DOT)
        user = made(QdrantUser, environment, url=url, collection_name="c", vectors_config=vectors)
        stored = user.upsert([PointStruct(id=1, vector=[1.0, 2.0])])
        found, empty = user.search([1.0, 2.0]), user.search([1.0, 2.0], limit=1)
        page, broken = user.scroll(), user.delete([1])
        user.on_stop()
    assert stored["success"] and found["success"] and not found["empty"]
    assert not empty["success"] and empty["empty"]
    assert page["success"] and page["next_offset"] == 7 and len(page["result"]) == 1
    assert not broken["success"]
    assert brief(told) == [
        ("qdrant", "upsert", "NoneType"),
        ("qdrant", "search", "NoneType"),
        ("qdrant", "search", "NoneType"),
        ("qdrant", "scroll", "NoneType"),
        ("qdrant", "delete", "UnexpectedResponse"),
    ]


def test_openai(environment: Environment, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    with protocols.web(protocols.responses) as url:
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        import openai

        from gregaria.contrib.oai import OpenAIUser

        client = made(OpenAIUser, environment).client
        assert client.responses.create(model="m", input="hi").output_text == "hello"
        with client.rename_request("chat"), pytest.raises(openai.BadRequestError):
            client.responses.create(model="m", input="broken")
        client.close()
    assert brief(told) == [("POST", "/v1/responses", "NoneType"), ("POST", "chat", "HTTPStatusError")]
    assert [each["response_length"] for each in told] == [11, 0]
    assert all(each["response_time"] > 0 and each["start_time"] > 0 for each in told)


def test_socketio(environment: Environment, told: Told) -> None:
    with protocols.socket_io() as url:
        user = made(SocketIOUser, environment, options={"reconnection": False})
        user.sio.connect(url, transports=["polling"])
        assert user.sio.call("shout", "hello") == "HELLO"
        user.sio.emit("tell me", 4)
        user.sio.send("a message", name="named")
        wait_for(lambda: any(each["request_type"] == "WSR" for each in told))
        user.sio.disconnect()
        user.sio_greenlet.join(5)
        user.sio.emit("too late")
        user.sio.connect(f"http://127.0.0.1:{protocols.refusing_port()}")
    assert sorted(brief(told)) == [
        ("WS", "connect", "ConnectionError"),
        ("WS", "connect", "NoneType"),
        ("WSC", "shout", "NoneType"),
        ("WSE", "message", "NoneType"),
        ("WSE", "shout", "NoneType"),
        ("WSE", "tell me", "NoneType"),
        ("WSE", "too late", "BadNamespaceError"),
        ("WSR", "news", "NoneType"),
        ("WSS", "named", "NoneType"),
    ]


def test_milvus(environment: Environment, told: Told) -> None:
    import pymilvus
    from pymilvus.client.connection_manager import ConnectionManager

    from gregaria.contrib import milvus

    schema = pymilvus.MilvusClient.create_schema()
    schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
    schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=2)
    index = pymilvus.MilvusClient.prepare_index_params()
    index.add_index("vector", metric_type="L2")
    visitor: Any = type("Visitor", (milvus.MilvusUser,), {})
    rows = [{"id": number, "vector": [float(number), 2.0]} for number in range(1, 4)]
    with servers.milvus() as uri:
        user = visitor(environment, uri=uri, collection_name="c", schema=schema, index_params=index, num_shards=2)
        assert user.insert(rows)["result"]["insert_count"] == 3
        assert user.upsert(rows[:1])["result"]["upsert_count"] == 1
        found = user.search([[1.0, 2.0]], "vector", 2, calculate_recall=True, ground_truth=[1, 3, 4])
        assert found["success"] and [hit["id"] for hit in found["result"][0]] == [1, 2] and found["recall"] == 0.5
        nothing = user.search([[1.0, 2.0]], "vector", 2, filter="id in [77]")
        assert (nothing["success"], nothing["empty"], len(nothing["result"][0])) == (False, True, 0)
        asked = pymilvus.AnnSearchRequest([[3.0, 2.0]], "vector", {"metric_type": "L2"}, 3)
        both = user.hybrid_search([asked, asked], pymilvus.RRFRanker(), 2)
        assert [hit["id"] for hit in both["result"][0]] == [3, 2]
        assert [row["id"] for row in user.query("id > 1")["result"]] == [2, 3]
        assert user.query("id in [77]")["empty"] and not user.query("broken")["success"]
        # The server answers when both have asked: one user lets the other ask while it waits.
        second = visitor(environment, uri=uri, collection_name="c")
        waiting = [gevent.spawn(each.query, "together") for each in (user, second)]
        gevent.joinall(waiting, timeout=PATIENCE_S)
        assert [each.value and len(each.value["result"]) for each in waiting] == [3, 3]
        assert user.delete("id > 1")["result"]["delete_count"] == 2
        user.on_stop()
        second.on_stop()
        # Clients share connections, which pymilvus keeps for the next ones.
        ConnectionManager.get_instance().close_all()
    assert [each[1:] for each in brief(told)] == [
        *(("insert", "NoneType"), ("upsert", "NoneType"), ("search", "NoneType"), ("recall", "NoneType")),
        *(("search", "NoneType"), ("hybrid_search", "NoneType"), ("query", "NoneType"), ("query", "NoneType")),
        *(("query", "MilvusException"), ("query", "NoneType"), ("query", "NoneType"), ("delete", "NoneType")),
    ]
    assert {each["request_type"] for each in told} == {"milvus"}
    assert next(each for each in told if each["name"] == "recall")["response_time"] == 50
    assert milvus.MilvusV2Client.get_recall([[{"id": 1}]], [], 5) == 0.0
    assert milvus.MilvusV2Client.get_recall([], [1]) == 0.0
    with pytest.raises(ValueError, match="needs a uri"):
        visitor(environment, uri=None)


# --- what all have in common -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "text"),
    [(PostgresUser, "conn_string"), (MongoDBUser, "conn_string"), (QdrantUser, "collection_name")],
)
def test_what_a_class_must_say(base: Any, text: str, environment: Environment) -> None:
    with pytest.raises(ValueError, match=f"Visitor needs a {text}"):
        made(base, environment)


MODULES = {
    "postgres": "psycopg",
    "mongodb": "pymongo",
    "mqtt": "paho",
    "milvus": "grpc",
    "qdrant": "qdrant_client",
    "socketio": "socketio",
    "oai": "httpx",
    "dns": "dns",
}


@pytest.mark.parametrize(("module", "missing"), MODULES.items())
def test_without_the_driver_it_says_what_to_install(module: str, missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None\nimport gregaria.contrib.{module}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    extra = "openai" if module == "oai" else module
    assert done.returncode == 1
    assert f"ImportError: gregaria.contrib.{extra} needs" in done.stderr
    assert f"pip install 'gregaria[{extra}]'" in done.stderr


def test_openai_wants_a_key() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; os.environ.pop('OPENAI_API_KEY', None)\nimport gregaria.contrib.oai"],
        capture_output=True,
        text=True,
    )
    assert "needs the environment variable OPENAI_API_KEY" in done.stderr


def test_the_csv_request_logger(environment: Environment, tmp_path: Path) -> None:
    class Response:
        status_code = 404

    fire: Callable[..., None] = environment.events.request.fire
    path = tmp_path / "requests.csv"
    logger = CsvRequestLogger(str(path), flush_interval=2)
    logger.register(environment)
    meta = {"response_length": 3, "context": {}}
    fire(request_type="GET", name="/", response_time=1.2345, start_time=1.23456789, exception=None, **meta)
    assert len(path.read_text().splitlines()) == 1, "not flushed yet"
    fire(request_type="GET", name="a,b", response_time=None, response=Response(), exception=ValueError("no"), **meta)
    assert len(path.read_text().splitlines()) == 3
    environment.events.quitting.fire(environment=environment)
    fire(request_type="GET", name="late", response_time=1, **meta)
    logger.close()
    with path.open(newline="") as file:
        header, first, second = csv.reader(file)
    assert tuple(header) == CSV_COLUMNS
    assert first == ["1.234568", "GET", "/", "1.23", "3", "0", ""]
    assert second[1:] == ["GET", "a,b", "", "3", "404", "no"]
