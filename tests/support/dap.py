"""A client of the Debug Adapter Protocol, as far as an editor needs it, for debugpy's adapter over its pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Message = dict[str, Any]


class Adapter:
    """A running adapter. Waiting for a message keeps those that come before it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0
        self._kept: list[Message] = []

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request; its number."""
        self._number += 1
        said = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(said).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()
        return self._number

    def _read(self) -> Message:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            assert line, "the adapter has ended"
            length = int(line.partition(b":")[2])
        message: Message = json.loads(self._process.stdout.read(length))
        return message

    def _until(self, wanted: Callable[[Message], bool]) -> Message:
        for message in self._kept:
            if wanted(message):
                self._kept.remove(message)
                return message
        while not wanted(message := self._read()):
            self._kept.append(message)
        return message

    def event(self, name: str) -> Message:
        """The body of the next event of that name."""
        body: Message = self._until(lambda each: each.get("event") == name).get("body", {})
        return body

    def response(self, number: int) -> Message:
        """The body of the answer to a request, which must be no error."""
        answer = self._until(lambda each: each.get("request_seq") == number)
        assert answer["success"], answer
        body: Message = answer.get("body", {})
        return body

    def ask(self, command: str, **arguments: Any) -> Message:
        """Send a request and wait for its answer."""
        return self.response(self.send(command, **arguments))

    def printed(self) -> str:
        """What the program has printed, as far as it was read."""
        bodies = [each["body"] for each in self._kept if each.get("event") == "output"]
        return "".join(body["output"] for body in bodies if body.get("category") in ("stdout", "stderr"))


@contextmanager
def debugging(source: Path, lines: list[int], **settings: Any) -> Iterator[Adapter]:
    """A program with breakpoints in lines of one of its files, as an editor starts it with these settings."""
    process = subprocess.Popen([sys.executable, "-m", "debugpy.adapter"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        adapter = Adapter(process)
        adapter.ask("initialize", clientID="test", adapterID="debugpy", pathFormat="path")
        launched = adapter.send("launch", console="internalConsole", redirectOutput=True, **settings)
        adapter.event("initialized")
        breakpoints = [{"line": line} for line in lines]
        found = adapter.ask("setBreakpoints", source={"path": str(source)}, breakpoints=breakpoints)
        assert all(each["verified"] for each in found["breakpoints"]), found
        adapter.ask("configurationDone")
        adapter.response(launched)
        yield adapter
    finally:
        process.terminate()
        process.wait()
