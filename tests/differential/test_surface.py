"""Everything public in Locust's modules is there in ours, under the same name and with the same parameters.

`DIFFERENT` lists what is not and why; a line there that no longer applies is an error too.
"""

import fnmatch
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "surface.py"

OWN_USE = "imported there for Locust's own use"
ENGINE = "the engine makes requests and responses; nothing else can have what this takes"
DOWNLOAD = "a step of the command before anything of the user's is loaded; `-f -` does the same"
LINK = "the engine keeps the link; scripts have `register_message` and `send_message`"
DIFFERENT = {
    "locust._version:version*": "the version is our own",
    "locust.main:version": "the version is our own",
    "locust.argument_parser:version": "the version is our own",
    "locust.argument_parser:timespan": "argparse calls it with one value; the name of the parameter is free",
    "locust.argument_parser:positive_integer": "as timespan",
    "locust.argument_parser:json_user_config": "as timespan",
    "locust.argument_parser:DEFAULT_CONFIG_FILES": "there are files of our own",
    "locust.argument_parser:Message": OWN_USE,
    "locust.debug:RescheduleTask": OWN_USE,
    "locust.env:StatsCSV": "imported there for annotations",
    "locust.env:TaskHolder": "imported there for annotations",
    "locust.env:TaskSet": "imported there for annotations",
    "locust.env:User": "imported there for annotations",
    "locust.env:WebUI": "imported there for annotations",
    "locust.shape:Runner": "imported there for annotations",
    "locust.html:MasterRunner": OWN_USE,
    **{f"locust.opentelemetry:{name}": OWN_USE for name in ("MasterRunner", "WorkerRunner", "events")},
    "locust.rpc.protocol:ObjectId": "that of bson where it is installed, as under Locust",
    "locust.contrib.socketio:EventHook": "imported there for annotations",
    "locust.user.users:PytestUser.tasks": "what calls the functions is a task",
    "locust.html:STATE_*": OWN_USE,
    "locust.stats:CSVWriter.writerow": "positional, as that of `csv.writer`",
    "locust.argument_parser:download_locustfile_from_master": DOWNLOAD,
    "locust.argument_parser:parse_locustfiles_from_master": DOWNLOAD,
    "locust.argument_parser:retrieve_locustfiles_from_master": DOWNLOAD,
    "locust.clients:DEFAULT_CA_BUNDLE_PATH": "that of `requests.utils`",
    "locust.clients:EventHook": "imported there for annotations",
    "locust.clients:basestring": "that of `requests.compat`",
    "locust.contrib.fasthttp:ErrorResponse.__init__": ENGINE,
    "locust.contrib.fasthttp:FastResponse.__init__": ENGINE,
    "locust.contrib.fasthttp:ResponseContextManager.__init__": ENGINE,
    "locust.contrib.fasthttp:RestResponseContextManager.__init__": ENGINE,
    "locust.contrib.fasthttp:LocustUserAgent.__init__": "made by its session, whose settings it is",
    "locust.contrib.fasthttp:LocustUserAgent.response_type": ENGINE,
    "locust.contrib.fasthttp:LocustUserAgent.request_type": ENGINE,
    "locust.html:render_template_from": "renders files of Locust's page; `get_html_report` makes the report",
    "locust.html:DEFAULT_BUILD_PATH": "the page is in the program, not in a folder",
    "locust.web:DEFAULT_BUILD_PATH": "the page is in the program, not in a folder",
    "locust.rpc:zmqrpc": "the engine speaks ZeroMQ itself, without Python objects for its sockets",
    "locust.rpc.zmqrpc": "as above",
    "locust.runners:MasterRunner.handle_message": LINK,
    "locust.runners:MasterRunner.reset_connection": LINK,
    "locust.runners:WorkerRunner.connect_to_master": LINK,
    "locust.runners:WorkerRunner.handle_message": LINK,
    "locust.runners:WorkerRunner.heartbeat": LINK,
    "locust.runners:WorkerRunner.heartbeat_timeout_checker": LINK,
    "locust.runners:WorkerRunner.reset_connection": LINK,
    "locust.runners:WorkerRunner.spawning_complete": "Locust's own listener of the event of that name",
    "locust.web:HttpUser": OWN_USE,
    "locust.web:MasterRunner": OWN_USE,
    "locust.web:STATE_*": OWN_USE,
    "locust.web:version": "the version is our own",
    "locust.stats:EntriesDict.__init__": "the mapping belongs to its statistics, which make it",
}


def surface_of(python: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run([python, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    described: dict[str, Any] = json.loads(done.stdout)
    return described


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and what is wrong with it, for everything that a program written for Locust could miss."""
    for module, names in theirs.items():
        if module not in ours or "missing" in ours[module]:
            yield module, "no such module"
            continue
        for name, thing in names.items():
            place = f"{module}:{name}"
            if isinstance(thing, dict):
                yield from compared(place, thing, ours[module].get(name))


def compared(place: str, theirs: dict[str, Any], ours: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if ours is None:
        if theirs["kind"] != "foreign":
            yield place, "missing"
    elif wrong_constant(theirs, ours):
        yield place, f"is {ours.get('constant', ours['kind'])}, not {theirs['constant']}"
    elif "foreign" in (theirs["kind"], ours["kind"]):
        return  # a library's, under both
    elif theirs["kind"] != ours["kind"] and theirs["kind"] in ("class", "module", "classmethod"):
        yield place, f"is a {ours['kind']}, not a {theirs['kind']}"
    elif wrong := wrong_parameters(theirs.get("parameters"), ours.get("parameters")):
        yield place, wrong
    if ours is not None and theirs["kind"] == ours["kind"] == "class":
        for member, described in theirs["members"].items():
            yield from compared(f"{place}.{member}", described, ours["members"].get(member))


def wrong_constant(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """A plain value that is another here. An attribute that is worked out when it is asked for is right."""
    kind, value = theirs.get("constant", ["object", ""])
    if kind != "value" or (
        theirs["kind"] == "attribute" and ours["kind"] in ("attribute", "annotation") and ("constant" not in ours)
    ):
        return False
    return [kind, value] != ours.get("constant")


def wrong_parameters(theirs: list[list[Any]] | None, ours: list[list[Any]] | None) -> str | None:
    """Every call that is right for theirs must be right for ours: names, kinds, and what may be left out."""
    if theirs is None or ours is None:
        return None
    shown = f"({', '.join(each[0] for each in ours)}), not ({', '.join(each[0] for each in theirs)})"
    kinds = {kind for _name, kind, _default in ours}
    if theirs == ours or {"VAR_POSITIONAL", "VAR_KEYWORD"} <= kinds:
        return None
    by_name = {name: (kind, default) for name, kind, default in ours}
    for name, kind, default in theirs:
        own = by_name.get(name)
        if own is None:
            if kind not in ("VAR_POSITIONAL", "VAR_KEYWORD") and "VAR_KEYWORD" in kinds:
                continue
            return shown
        if own[0] != kind and own[0] != "POSITIONAL_OR_KEYWORD":
            return f"{name} is {own[0]}, not {kind}"
        if default != own[1] and "something" not in (default, own[1]) and default != "required":
            return f"{name} is {own[1]} by default, not {default}"
    known = {name for name, _kind, _default in theirs}
    extra = [n for n, kind, default in ours if n not in known and default == "required" and not kind.startswith("VAR_")]
    if extra:
        return f"requires {extra}"
    positional = [name for name, kind, _default in theirs if kind == "POSITIONAL_OR_KEYWORD"]
    return (
        None if [name for name in by_name if name in positional] == [n for n in positional if n in by_name] else shown
    )


@pytest.fixture(scope="module")
def found(locust: list[str]) -> dict[str, str]:
    theirs = surface_of(str(Path(locust[0]).with_name("python")))
    assert "locust.runners" in theirs
    return dict(differences(theirs, surface_of(sys.executable, "gregaria")))


def test_whatever_locust_offers_is_there(found: dict[str, str]) -> None:
    missing = {
        place: wrong
        for place, wrong in found.items()
        if not any(fnmatch.fnmatchcase(place, pattern) for pattern in DIFFERENT)
    }
    assert not missing, "\n".join(f"{place}: {wrong}" for place, wrong in missing.items())


def test_no_difference_is_out_of_date(found: dict[str, str]) -> None:
    assert not [pattern for pattern in DIFFERENT if not fnmatch.filter(found, pattern)]
