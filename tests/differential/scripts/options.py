"""What becomes of command lines, variables and configuration files: values and exit codes, not words of messages."""

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any

from scenario import add, log, main

from locust import argument_parser, events

HOME = Path(tempfile.mkdtemp())
CONFIGS = {
    "home": HOME / "home/.locust.conf",
    "conf": HOME / "locust.conf",
    "toml": HOME / "pyproject.toml",
    "more": HOME / "more.conf",
    "more.toml": HOME / "more.toml",
}
# Ours alone: not asked about.
OWN = "gregaria_"
# Locust takes the value and fails later, or in another way.
NOT_COMPARED = ("config",)
# Locust's are options that cannot be used together with the others here.
Case = tuple[str, dict[str, str], dict[str, str]]

LINES = [
    "",
    "-u 5 -r 2.5 -t 1h30m -H http://x --headless",
    "-u5 --run 90s --spawn-rate=1e1 --headl",
    "--use 3 --ho x --csv out --logl debug",
    "-L warning -s 3m A B",
    "A B -T x y -E z",
    "-T a U1 --tags b",
    "--tags -u 3",
    "--tags",
    "-s 1m2s --exit-code 7 --autostart --autoquit 5",
    "--web-host * -P 80 --web-base-path /x --web-login --class-picker --tls-cert a --tls-key b",
    '--config-users {"user_class_name":"A","x":[1,2]} [{"user_class_name":"B"}]',
    "--json --json-file f",
    "--print-stats --only-summary --reset-stats --skip-log --profile p --equal-w --list",
    "--show-task-ratio --show-task-ratio-json",
    "-u 5 -u 6",
    "-u 1_000",
    "--sk",
    "--st 4",
    "--jso",
    # refused
    "--hots x",
    "-u abc",
    "-u 1.5",
    "-r 0",
    "-r -1",
    "-r nan",
    "-r inf",
    "-r abc",
    "-t 1.5",
    "-t 1h30",
    "-t 3m2h",
    "-t 1d",
    "-t=",
    "-L loud",
    "-P x",
    "--autoquit x",
    "-u",
    "--s 3",
    "--web-auth a:b",
    "--legacy-ui",
    "--slave",
    "--expect-slaves",
    "--config missing.conf",
]
VARIABLES = [
    {"LOCUST_USERS": "7", "LOCUST_SPAWN_RATE": "2", "LOCUST_RUN_TIME": "1m", "LOCUST_HOST": "http://h"},
    {"LOCUST_HEADLESS": "true", "LOCUST_AUTOSTART": "no", "LOCUST_RESET_STATS": "1", "LOCUST_ONLY_SUMMARY": "off"},
    {"LOCUST_TAGS": "a b", "LOCUST_EXCLUDE_TAGS": "[c, d]", "LOCUST_USER_CLASSES": " A  B "},
    {"LOCUST_TAGS": "", "LOCUST_HOST": ""},
    {"LOCUST_TAGS": '["a b", "c"]', "LOCUST_LOGLEVEL": "error", "LOCUST_STOP_TIMEOUT": "10"},
    {"LOCUST_CSV": "x", "LOCUST_CSV_FULL_HISTORY": "yes", "LOCUST_EXIT_CODE_ON_ERROR": "3"},
    {"LOCUST_LIST": "true", "LOCUST_JSON": "true", "LOCUST_PROFILE": "p"},
    {"LOCUST_WEB_PORT": "80", "LOCUST_WEB_HOST": "h", "LOCUST_WEB_BASE_PATH": "/b", "LOCUST_USERCLASS_PICKER": "1"},
    {"LOCUST_USERS": "abc"},
    {"LOCUST_USERS": ""},
    {"LOCUST_HEADLESS": "maybe"},
    {"LOCUST_HEADLESS": ""},
    {"LOCUST_RUN_TIME": "1x"},
    {"LOCUST_LOGLEVEL": "loud"},
    {"LOCUST_WEB_AUTH": "a:b"},
]
FILES = [
    {
        "conf": "users = 3\nspawn-rate: 2\nrun-time 1m\nheadless\ncsv-full-history: off\n# c\n; c\n[s]\n--host = http://h\n"
    },
    {"conf": 'tags = [a, b]\nexclude-tags = ["c d", "e"]\n'},
    {"conf": "u = 3\nuse = 4\n"},
    {"conf": "use = 4\nheadl = true\n"},
    {"conf": "tags = a b\nhost = 'http://quoted'\nprofile = \"p\"  # comment\n"},
    {"conf": "headless = true # comment\nusers = 3 ; comment\n"},
    {"conf": "list = true\njson = yes\nshow-task-ratio = on\n"},
    {"conf": "mine = 5\n"},
    {"toml": '[tool.locust]\nheadless = true\nspawn-rate = 2.5\nusers = 3\ntags = ["a", "b"]\nonly-summary = false\n'},
    {"toml": "[tool.other]\nusers = 3\n[project]\nname = 'x'\n"},
    {"toml": "[tool.locust]\nmine = 7\n"},
    {
        "home": "users = 1\nspawn-rate = 1\nrun-time = 1\n",
        "conf": "users = 2\nspawn-rate = 2\n",
        "toml": "[tool.locust]\nusers = 3\n",
    },
    {"home": "headless = true\n", "conf": "headless = false\n"},
    {"conf": "headless = false\n", "toml": "[tool.locust]\nheadless = true\n"},
    {"conf": "tags = [a]\n", "toml": "[tool.locust]\ntags = ['b', 'c']\n"},
    {"conf": "foo = bar\n"},
    {"conf": "users = abc\n"},
    {"conf": "headless = maybe\n"},
    {"conf": "users = [1, 2]\n"},
    {"conf": "this line = is : odd = 3\n"},
    {"conf": "=\n"},
    {"toml": "[tool.locust\n"},
    {"toml": "[tool.locust]\nusers = 'abc'\n"},
]
MIXED: list[Case] = [
    ("--config more.conf", {}, {"conf": "users = 1\n", "toml": "[tool.locust]\nusers = 2\n", "more": "users = 3\n"}),
    ("--config more.toml", {}, {"more.toml": "[tool.locust]\nusers = 3\nheadless = true\n"}),
    ("--config more.conf", {"LOCUST_USERS": "4"}, {"more": "users = 3\nrun-time = 5\n"}),
    ("--config more.conf -u 5", {"LOCUST_USERS": "4"}, {"more": "users = 3\n"}),
    ("-T x", {"LOCUST_TAGS": "y"}, {"conf": "tags = [z]\n"}),
    ("", {"LOCUST_HEADLESS": "false"}, {"conf": "headless = true\n"}),
    ("--headless", {"LOCUST_HEADLESS": "false"}, {}),
    ("A", {"LOCUST_USER_CLASSES": "B C"}, {}),
    ("--mine 3", {"MINE": "4"}, {"conf": "mine = 5\n"}),
    ("", {"MINE": "4"}, {"conf": "mine = 5\n"}),
    ("--own-flag --secret s --many a b", {}, {}),
    ("--many", {}, {}),
    ("--choice c", {}, {}),
    ("--choice wrong", {}, {}),
    ("", {}, {"conf": "choice = wrong\n"}),
]


@events.init_command_line_parser.add_listener
def _(parser: Any) -> None:
    parser.add_argument("--mine", type=int, env_var="MINE", default=1, help="a number")
    parser.add_argument("--own-flag", action="store_true", include_in_web_ui=False)
    parser.add_argument("--secret", is_secret=True, is_required=True, default="")
    parser.add_argument("--many", is_multiple=True, nargs="*", default=["x"])
    parser.add_argument("--choice", choices=["b", "c"], default="b")
    parser.add_argument_group("Mine").add_argument("--grouped", default="g")


def ask(line: str, variables: dict[str, str], files: dict[str, str]) -> None:
    """Parse as the command does, and log the values that are not the defaults, or the exit code."""
    (HOME / "home").mkdir(exist_ok=True)
    for path in CONFIGS.values():
        path.unlink(missing_ok=True)
    for name, content in files.items():
        CONFIGS[name].write_text(content)
    arguments = line.split()
    before = dict(os.environ)
    os.environ.update(variables, HOME=str(HOME / "home"))
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet), contextlib.chdir(HOME):
            first = argument_parser.parse_locustfile_option(arguments)
            options = vars(argument_parser.get_parser().parse_args(arguments))
            extra = argument_parser.ui_extra_args_dict(arguments)
    except SystemExit as end:
        log("exit", end.code)
        return
    finally:
        os.environ.clear()
        os.environ.update(before)
    log("locustfile", first.locustfile)
    for name in sorted(options):
        if not name.startswith(OWN) and name not in NOT_COMPARED:
            log(name, repr(options[name]))
    for name, field in extra.items():
        log("form", name, sorted(field.items()))


def _add(name: str, line: str, variables: dict[str, str], files: dict[str, str]) -> None:
    add(name, lambda: ask(line, variables, files))


for number, line in enumerate(LINES):
    _add(f"line {number}: {line}", line, {}, {})
for number, variables in enumerate(VARIABLES):
    _add(f"variables {number}: {variables}", "", variables, {})
for number, files in enumerate(FILES):
    _add(f"files {number}: {files}", "", {}, files)
for number, (line, variables, files) in enumerate(MIXED):
    _add(f"mixed {number}: {line} {variables} {files}", line, variables, files)

if __name__ == "__main__":
    main()
