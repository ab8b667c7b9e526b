"""`MqttUser`: a client of paho-mqtt whose publications and subscriptions are in the statistics.

They are measured from the call to the broker's acknowledgement (QoS 0: to the end of sending), which comes in on paho's
thread; under gevent that is a greenlet.
"""

from __future__ import annotations

import random
import selectors
import string
import time
from contextlib import suppress
from typing import Any, NamedTuple

from gregaria import User

from .driver import driver

mqtt = driver("paho.mqtt.client", "mqtt", "paho-mqtt")

SUBACK_FAILURE = 0x80
"""What a broker grants at the least if it refuses a subscription."""
REQUEST_TYPE = "MQTT"


def _generate_random_id(length: int, alphabet: str = string.digits + string.ascii_letters) -> str:
    return "".join(random.choices(alphabet, k=length))


def _generate_mqtt_event_name(event_type: str, qos: int, topic: str) -> str:
    return f"{event_type}:{qos}:{topic}"


class PublishedMessageContext(NamedTuple):
    """A publication that is not acknowledged yet."""

    qos: int
    topic: str
    start_time: float
    payload_size: int


_Client: Any = mqtt.Client


class MqttClient(_Client):  # type: ignore[misc]
    """A `paho.mqtt.client.Client` that tells of what it does.

    Without a ``client_id`` it makes one up, which brokers accept (23 characters at the most). With
    ``use_loop_selectors`` more than some 340 clients may be connected at once, which `select` cannot watch.
    """

    def __init__(
        self,
        *args: Any,
        environment: Any,
        client_id: str | None = None,
        protocol: Any = mqtt.MQTTv311,
        use_loop_selectors: bool = False,
        **kwargs: Any,
    ) -> None:
        client_id = client_id or f"locust-{_generate_random_id(16)}"
        super().__init__(*args, client_id=client_id, protocol=protocol, **kwargs)
        self.environment = environment
        self.client_id = client_id
        self.on_publish = self._on_publish_cb
        is_v5 = protocol == mqtt.MQTTv5
        self.on_disconnect = self._on_disconnect_cb_v5 if is_v5 else self._on_disconnect_cb_v3x
        self.on_connect = self._on_connect_cb_v5 if is_v5 else self._on_connect_cb_v3x
        self.on_subscribe = self._on_subscribe_cb_v5 if is_v5 else self._on_subscribe_cb_v3x
        self._publish_requests: dict[int, PublishedMessageContext] = {}
        self._publishing = 0
        self._early: dict[int, float] = {}
        self._subscribe_requests: dict[int, tuple[int, str, float]] = {}
        self._use_loop_selectors = use_loop_selectors

    def _generate_event_name(self, event_type: str, qos: int, topic: str) -> str:
        """The name in the statistics; override it to group topics."""
        return _generate_mqtt_event_name(event_type, qos, topic)

    def _tell(
        self, name: str, context: dict[str, Any], *, ms: float = 0, length: int = 0, exception: Any = None
    ) -> None:
        self.environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=ms,
            response_length=length,
            exception=exception,
            context={"client_id": self.client_id, **context},
        )

    def _on_publish_cb(self, _client: Any, _userdata: Any, mid: int, *_: Any) -> None:
        now = time.time()
        sent = self._publish_requests.pop(mid, None)
        if sent is not None:
            self._tell_published(sent, now)
        elif self._publishing:
            self._early[mid] = now
        else:
            unknown = AssertionError(f"The broker has acknowledged a message that was never sent: mid '{mid}'")
            self._tell("publish", {"mid": mid}, exception=unknown)

    def _tell_published(self, sent: PublishedMessageContext, now: float) -> None:
        name = self._generate_event_name("publish", sent.qos, sent.topic)
        self._tell(name, sent._asdict(), ms=(now - sent.start_time) * 1000, length=sent.payload_size)

    def _on_subscribe_cb_v3x(self, _client: Any, _userdata: Any, mid: int, granted_qos: list[int]) -> None:
        now = time.time()
        asked = self._subscribe_requests.pop(mid, None)
        if asked is None:
            unknown = AssertionError(f"The broker has acknowledged a subscription that was never made: mid '{mid}'")
            self._tell("subscribe", {"mid": mid}, exception=unknown)
            return
        refused = None
        # MQTT 5 has more such codes, which say why.
        if any(granted >= SUBACK_FAILURE for granted in granted_qos):
            refused = AssertionError(f"The broker has refused the subscription: {granted_qos}")
        self._tell_subscribed(*asked, now=now, exception=refused)

    def _on_subscribe_cb_v5(
        self, client: Any, userdata: Any, mid: int, reason_codes: list[Any], _properties: Any
    ) -> None:
        self._on_subscribe_cb_v3x(client, userdata, mid, [code.value for code in reason_codes])

    def _tell_subscribed(
        self, qos: int, topic: str, start_time: float, *, now: float | None = None, exception: Any = None
    ) -> None:
        context = {"qos": qos, "topic": topic, "start_time": start_time}
        name = self._generate_event_name("subscribe", qos, topic)
        self._tell(name, context, ms=0 if now is None else (now - start_time) * 1000, exception=exception)

    def _on_disconnect_cb(self, _client: Any, _userdata: Any, rc: Any) -> None:
        self._tell("disconnect", {}, exception=rc if rc != 0 else None)

    def _on_disconnect_cb_v3x(self, client: Any, userdata: Any, rc: int) -> None:
        self._on_disconnect_cb(client, userdata, rc)

    def _on_disconnect_cb_v5(self, client: Any, userdata: Any, *arguments: Any) -> None:
        # paho has passed the reason alone, and the flags before it and the properties after it.
        self._on_disconnect_cb(client, userdata, arguments[-2] if len(arguments) > 1 else arguments[0])

    def _on_connect_cb(self, _client: Any, _userdata: Any, _flags: Any, rc: Any) -> None:
        self._tell("connect", {}, exception=Exception(str(rc)) if rc != 0 else None)

    def _on_connect_cb_v3x(self, client: Any, userdata: Any, flags: Any, rc: int) -> None:
        self._on_connect_cb(client, userdata, flags, rc)

    def _on_connect_cb_v5(self, client: Any, userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._on_connect_cb(client, userdata, {}, reason)

    def _loop(self, timeout: float = 1.0) -> Any:
        return self._loop_selectors(timeout) if self._use_loop_selectors else super()._loop(timeout)

    def _loop_selectors(self, timeout: float = 1.0) -> Any:
        """One turn of paho's loop, with a selector for any number of descriptors."""
        if timeout < 0.0:
            raise ValueError("Invalid timeout.")
        pending = self._sock.pending() if hasattr(self._sock, "pending") else 0
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out_packet else 0)
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self._sock, wants)
                if self._sockpairR is not None:
                    selector.register(self._sockpairR, selectors.EVENT_READ)
                # What TLS has decoded already cannot be waited for.
                happened = {key.fileobj: events for key, events in selector.select(0.0 if pending else timeout)}
            except (TypeError, ValueError):
                # The socket is gone, or is not there yet.
                return mqtt.MQTT_ERR_CONN_LOST
            except Exception:
                return mqtt.MQTT_ERR_UNKNOWN
        if pending or happened.get(self._sock, 0) & selectors.EVENT_READ:
            result = self.loop_read()
            if result or self._sock is None:
                return result
        woken = self._sockpairR is not None and self._sockpairR in happened
        if woken:
            with suppress(BlockingIOError):
                self._sockpairR.recv(10_000)
        if woken or happened.get(self._sock, 0) & selectors.EVENT_WRITE:
            result = self.loop_write()
            if result or self._sock is None:
                return result
        return self.loop_misc()

    def publish(
        self, topic: str, payload: Any = None, qos: int = 0, retain: bool = False, properties: Any = None
    ) -> Any:
        """Publish a message."""
        size = len(payload) if payload and not isinstance(payload, (int, float)) else 0
        sent = PublishedMessageContext(qos=qos, topic=topic, start_time=time.time(), payload_size=size)
        # Without paho's thread it is sent here, and has ended before its id is known.
        self._publishing += 1
        try:
            info = super().publish(topic, payload=payload, qos=qos, retain=retain, properties=properties)
        finally:
            self._publishing -= 1
        ended_at = self._early.pop(info.mid, None)
        if ended_at is not None:
            self._tell_published(sent, ended_at)
        elif info.rc == mqtt.MQTT_ERR_SUCCESS:
            self._publish_requests[info.mid] = sent
        else:
            self._tell(self._generate_event_name("publish", qos, topic), sent._asdict(), exception=info.rc)
        return info

    def subscribe(
        self, topic: Any, qos: int = 0, options: Any = None, properties: Any = None
    ) -> tuple[Any, int | None]:
        """Subscribe to a topic, or to several of which the first gives the name."""
        start_time = time.time()
        first = topic if isinstance(topic, str) else topic[0] if isinstance(topic, tuple) else topic[0][0]
        result, mid = super().subscribe(topic, qos, options, properties)
        if result != mqtt.MQTT_ERR_SUCCESS:
            self._tell_subscribed(qos, first, start_time, exception=result)
        elif mid is None:
            self._tell_subscribed(qos, first, start_time, now=time.time())
        else:
            self._subscribe_requests[mid] = (qos, first, start_time)
        return result, mid


class MqttUser(User):
    """A user with an MQTT `client` that connects when the user is made."""

    abstract = True
    host = "localhost"
    port = 1883
    transport = "tcp"
    """Or ``"websockets"``."""
    ws_path = "/mqtt"
    tls_context: Any = None
    client_cls: type[MqttClient] = MqttClient
    client_id: str | None = None
    username: str | None = None
    password: str | None = None
    protocol: Any = mqtt.MQTTv311
    use_loop_selectors: bool = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.client: MqttClient = self.client_cls(
            environment=self.environment,
            transport=self.transport,
            client_id=self.client_id,
            protocol=self.protocol,
            use_loop_selectors=self.use_loop_selectors,
        )
        if self.tls_context:
            self.client.tls_set_context(self.tls_context)
        if self.transport == "websockets" and self.ws_path:
            self.client.ws_set_options(path=self.ws_path)
        if self.username and self.password:
            self.client.username_pw_set(username=self.username, password=self.password)
        self.client.connect_async(host=self.host, port=self.port)
        self.client.loop_start()
