"""The one table of options: what the command line, the environment and the config files may say.

Parser, help text, environment, config files, the web UI's start form, shell completions, man page and docs/options.md
are made from it. It is data only and imports nothing but the standard library, so that `--help` costs neither gevent
nor requests; what a kind means to argparse is in `gregaria.cli.arguments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text",
    "path",
    "conditions",
    "resolutions",
    "flag",
    "integer",
    "port",
    "delay",
    "exit code",
    "count",
    "positive integer",
    "positive number",
    "timespan",
    "log level",
    "shell",
    "loss policy",
    "http version",
    "words",
    "user settings",
    "config file",
    "help",
    "version",
    "removed",
    "user classes",
]

COMMON = "Common options"
WEB = "Web UI options"
MASTER = "Master options"
WORKER = "Worker options"
TAGS = "Tag options"
STATISTICS = "Request statistics options"
PASS = "Pass or fail options"
LOGGING = "Logging options"
OTHER = "Other options"
USERS = "User classes"

GROUPS: dict[str, str] = {
    COMMON: "",
    WEB: "",
    MASTER: "For the process that coordinates a distributed test.",
    WORKER: "For the processes that generate the load of a distributed test.",
    TAGS: "Choose tasks by the names given to them with the @tag decorator.",
    STATISTICS: "",
    PASS: "Exit codes: 0 passed, 1 requests or tasks failed, 2 wrong usage, 3 a threshold failed, 4 with --strict: the "
    "generator was the limit.",
    LOGGING: "",
    OTHER: "",
    USERS: "",
}

OWN_PREFIX = "GREGARIA_"
LOCUST_PREFIX = "LOCUST_"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SHELLS = ("bash", "zsh", "fish")
HTTP_VERSIONS = ("1.1", "2", "auto")
LOSS_POLICIES = ("redistribute", "continue", "abort")

ALLOWED: dict[Kind, str] = {
    "text": "text",
    "path": "a path",
    "conditions": "a condition such as p95(/checkout) > 400ms; may be given several times",
    "resolutions": "HOST:PORT:ADDRESS, more addresses after commas; may be given several times",
    "flag": "true, yes, on, 1, false, no, off or 0 in files and variables",
    "integer": "a whole number",
    "port": "a port from 0 to 65535",
    "delay": "a number of whole seconds from 0, or -1",
    "exit code": "an exit code from -255 to 255",
    "count": "a whole number from 0",
    "positive integer": "a whole number from 1",
    "positive number": "a finite number above 0",
    "timespan": "a time such as 20, 20s, 3m, 2h, 1h20m or 3h30m10s",
    "log level": "one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
    "shell": "one of bash, zsh, fish",
    "http version": "one of 1.1, 2, auto",
    "loss policy": "one of redistribute, continue, abort",
    "words": "any number of words",
    "user settings": "JSON objects or lists of them, or paths of .json files, that name a user_class_name",
    "config file": "the path of a configuration file",
    "user classes": "names of user classes",
}
"""What a value of each kind looks like, for messages and the reference page."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `hidden` keeps it out of the help."""

    flags: tuple[str, ...]
    dest: str
    group: str
    help: str
    kind: Kind = "text"
    metavar: str | None = None
    default: object = None
    env: str | None = None
    hidden: bool = False
    own: bool = False
    """Not an option of Locust's. It is never what an abbreviation stands for, a locustfile may have one with the same
    name (this one is then only spelled `--gregaria-...`), and `dest` begins with `gregaria_`."""
    form: str | None = None
    """The field of the web UI's start form that it fills, if any."""

    @property
    def is_removed(self) -> bool:
        """Whether Locust itself had the option once and refuses it now."""
        return self.kind == "removed"

    @property
    def name(self) -> str:
        """The long spelling, which is also the config key once its dashes are taken off."""
        return next((flag for flag in self.flags if flag.startswith("--")), self.dest)

    @property
    def spellings(self) -> tuple[str, ...]:
        """All flags, with the long-winded ones of our own options."""
        aliases = (f"--{OWN_PREFIX.rstrip('_').lower()}-{flag[2:]}" for flag in self.flags if self.own)
        return (*aliases, *self.flags)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that set it, the one that wins first."""
        if self.kind == "removed":
            return (self.env,) if self.env else ()
        if self.kind in ("help", "version", "config file", "shell"):
            return ()
        if self.env is None:
            return (OWN_PREFIX + self.name.lstrip("-").replace("-", "_").upper(),)
        return (OWN_PREFIX + self.env.removeprefix(LOCUST_PREFIX), self.env)

    @property
    def config_key(self) -> str | None:
        """Its key in configuration files."""
        settable = self.flags and self.kind not in ("help", "version", "config file", "shell", "removed")
        return self.name.removeprefix("--") if settable else None


OPTIONS: tuple[Option, ...] = (
    Option(("-h", "--help"), "help", COMMON, "Show this text and exit.", "help"),
    Option(
        ("-f", "--locustfile"),
        "locustfile",
        COMMON,
        "Where the test is: a .py file, several with commas between them, a directory (every .py file below it whose "
        "name does not start with an underscore) or a URL.",
        metavar="<filename>",
        default="locustfile.py",
        env="LOCUST_LOCUSTFILE",
    ),
    Option(
        ("--config",),
        "config",
        COMMON,
        "Read this configuration file too; it wins over ~/.locust.conf, locust.conf and pyproject.toml.",
        "config file",
        metavar="<filename>",
    ),
    Option(
        ("-H", "--host"),
        "host",
        COMMON,
        "Base URL of the system under test, for example https://www.example.com.",
        metavar="<base url>",
        env="LOCUST_HOST",
        form="host",
    ),
    Option(
        ("-u", "--users"),
        "num_users",
        COMMON,
        "How many users to run at the same time (1 if not given).",
        "count",
        metavar="<int>",
        env="LOCUST_USERS",
        form="user_count",
    ),
    Option(
        ("-r", "--spawn-rate"),
        "spawn_rate",
        COMMON,
        "How many users to start per second (1 if not given).",
        "positive number",
        metavar="<float>",
        env="LOCUST_SPAWN_RATE",
        form="spawn_rate",
    ),
    Option(
        ("-t", "--run-time"),
        "run_time",
        COMMON,
        "End the test after this time: 300s, 20m, 3h, 1h30m. Without it the test runs until it is interrupted.",
        "timespan",
        metavar="<time string>",
        env="LOCUST_RUN_TIME",
        form="run_time",
    ),
    Option(("-l", "--list"), "list_commands", COMMON, "Name the user classes of the locustfile and exit.", "flag"),
    Option(
        ("--config-users",),
        "config_users",
        COMMON,
        "Change attributes of user classes: JSON objects, or .json files, that name the user_class_name and its new "
        "attribute values; `tasks` is a list of names.",
        "user settings",
        metavar="<json>",
        env="LOCUST_CONFIG_USERS",
    ),
    Option(
        ("--web-host",),
        "web_host",
        WEB,
        "Address the web UI listens on: by default only this machine reaches it; * or 0.0.0.0 is every address.",
        metavar="<ip>",
        default="",
        env="LOCUST_WEB_HOST",
    ),
    Option(
        ("--web-host-display-name",),
        "web_host_display_name",
        WEB,
        "Address of the web UI as the log names it.",
        default=None,
        env="LOCUST_WEB_HOST_DISPLAY_NAME",
        hidden=True,
    ),
    Option(
        ("--web-port", "-P"),
        "web_port",
        WEB,
        "Port of the web UI.",
        "port",
        metavar="<port number>",
        default=8089,
        env="LOCUST_WEB_PORT",
    ),
    Option(
        ("--headless",),
        "headless",
        WEB,
        "Run without the web UI: start at once and print the results on the console.",
        "flag",
        env="LOCUST_HEADLESS",
    ),
    Option(
        ("--autostart",),
        "autostart",
        WEB,
        "Start at once and show the web UI too.",
        "flag",
        env="LOCUST_AUTOSTART",
    ),
    Option(
        ("--autoquit",),
        "autoquit",
        WEB,
        "With --autostart: exit this many seconds after the test ended.",
        "delay",
        metavar="<seconds>",
        default=-1,
        env="LOCUST_AUTOQUIT",
    ),
    Option(
        ("--headful",),
        "headful",
        WEB,
        "Take a --headless back.",
        "flag",
        env="LOCUST_HEADFUL",
        hidden=True,
    ),
    Option(
        ("--web-auth",),
        "web_auth",
        WEB,
        "Locust replaced it with --web-login",
        "removed",
        metavar="<username:password>",
        env="LOCUST_WEB_AUTH",
        hidden=True,
    ),
    Option(
        ("--web-login",),
        "web_login",
        WEB,
        "Protect the web UI with a login page.",
        "flag",
        env="LOCUST_WEB_LOGIN",
    ),
    Option(
        ("--tls-cert",),
        "tls_cert",
        WEB,
        "Certificate with which the web UI is served over HTTPS.",
        "path",
        metavar="<filename>",
        default="",
        env="LOCUST_TLS_CERT",
    ),
    Option(
        ("--tls-key",),
        "tls_key",
        WEB,
        "Private key with which the web UI is served over HTTPS.",
        "path",
        metavar="<filename>",
        default="",
        env="LOCUST_TLS_KEY",
    ),
    Option(
        ("--class-picker",),
        "class_picker",
        WEB,
        "Let the web UI choose among user and shape classes.",
        "flag",
        env="LOCUST_USERCLASS_PICKER",
    ),
    Option(
        ("--build-path",),
        "build_path",
        WEB,
        "Directory of another web UI build.",
        default="",
        env="LOCUST_BUILD_PATH",
        hidden=True,
    ),
    Option(
        ("--legacy-ui",),
        "legacy_ui",
        WEB,
        "Locust removed it; leave it out",
        "removed",
        default=False,
        env="LOCUST_LEGACY_UI",
        hidden=True,
    ),
    Option(
        ("--web-base-path",),
        "web_base_path",
        WEB,
        "Path below which the web UI is served.",
        default="",
        env="LOCUST_WEB_BASE_PATH",
    ),
    Option(
        ("--web-credentials",),
        "gregaria_web_credentials",
        WEB,
        "User and password that the web UI asks for.",
        metavar="<user:password>",
        own=True,
    ),
    Option(
        ("--web-read-only",),
        "gregaria_web_read_only",
        WEB,
        "With --web-credentials: who opens the web UI with ?token=<token> can look at everything and change nothing.",
        metavar="<token>",
        own=True,
    ),
    Option(
        ("--web-allowed-origins",),
        "gregaria_web_allowed_origins",
        WEB,
        "Other web pages, and other names of this server, that may start and stop tests: https://load.example.com.",
        "words",
        metavar="<origin>",
        own=True,
    ),
    Option(
        ("--run-store",),
        "gregaria_run_store",
        STATISTICS,
        "Folder of the history of runs, which the web UI shows. Runs with a web UI are kept in the user's data folder "
        "anyway (off: not at all), headless ones only with this option.",
        "path",
        metavar="<folder>",
        own=True,
    ),
    Option(
        ("--master",),
        "master",
        MASTER,
        "Coordinate workers.",
        "flag",
        env="LOCUST_MODE_MASTER",
    ),
    Option(
        ("--master-bind-host",),
        "master_bind_host",
        MASTER,
        "Address the master listens on.",
        metavar="<ip>",
        default="*",
        env="LOCUST_MASTER_BIND_HOST",
    ),
    Option(
        ("--master-bind-port",),
        "master_bind_port",
        MASTER,
        "Port the master listens on.",
        "port",
        metavar="<port number>",
        default=5557,
        env="LOCUST_MASTER_BIND_PORT",
    ),
    Option(
        ("--expect-workers",),
        "expect_workers",
        MASTER,
        "Wait for this many workers before starting.",
        "positive integer",
        metavar="<int>",
        default=1,
        env="LOCUST_EXPECT_WORKERS",
    ),
    Option(
        ("--expect-workers-max-wait",),
        "expect_workers_max_wait",
        MASTER,
        "How many seconds to wait for the workers; 0 waits forever.",
        "count",
        metavar="<int>",
        default=0,
        env="LOCUST_EXPECT_WORKERS_MAX_WAIT",
    ),
    Option(
        ("--enable-rebalancing",),
        "enable_rebalancing",
        MASTER,
        "Spread users anew when workers come or go.",
        "flag",
    ),
    Option(
        ("--on-worker-loss",),
        "gregaria_on_worker_loss",
        MASTER,
        "What to do when a worker is lost during a test: 'redistribute' its users over the others, 'continue' without "
        "them, or 'abort' the test with exit code 1. Without it a worker that quits is replaced, one that falls silent "
        "is not.",
        "loss policy",
        metavar="<policy>",
        own=True,
    ),
    Option(
        ("--bundle",),
        "gregaria_bundle",
        MASTER,
        "Send these files too to workers that get the project with '-f -', e.g. 'data/*.csv' 'texts/*.md'. The "
        "locustfiles, your own modules that they import, and files of feeds are sent anyway.",
        "words",
        metavar="<pattern>",
        own=True,
    ),
    Option(
        ("--insecure-cluster",),
        "gregaria_insecure_cluster",
        MASTER,
        "Let workers join in the open although the master listens beyond this machine. Locust's own workers need it.",
        "flag",
        own=True,
    ),
    Option(
        ("--expect-slaves",),
        "expect_slaves",
        MASTER,
        "it is called --expect-workers now",
        "removed",
        hidden=True,
    ),
    Option(
        ("--worker",),
        "worker",
        WORKER,
        "Generate load for a master.",
        "flag",
        env="LOCUST_MODE_WORKER",
    ),
    Option(
        ("--slave",),
        "slave",
        WORKER,
        "it is called --worker now",
        "removed",
        hidden=True,
    ),
    Option(
        ("--processes",),
        "processes",
        WORKER,
        "Run in this many processes; -1 is one per core.",
        "integer",
        metavar="<int>",
        env="LOCUST_PROCESSES",
    ),
    Option(
        ("--master-host",),
        "master_host",
        WORKER,
        "Address of the master.",
        metavar="<hostname>",
        default="127.0.0.1",
        env="LOCUST_MASTER_NODE_HOST",
    ),
    Option(
        ("--master-port",),
        "master_port",
        WORKER,
        "Port of the master.",
        "port",
        metavar="<port number>",
        default=5557,
        env="LOCUST_MASTER_NODE_PORT",
    ),
    Option(
        ("--master-return-wait",),
        "gregaria_master_return_wait",
        WORKER,
        "How long a worker that has lost its master, and has stopped its load, waits for it to come back, e.g. 5m. "
        "Without it the worker ends.",
        "timespan",
        metavar="<time>",
        own=True,
    ),
    Option(
        ("--cluster-secret",),
        "gregaria_cluster_secret",
        WORKER,
        "Secret that master and workers share: their links are encrypted, and nobody else can join. Better given by "
        "the environment or a file, since other users of a machine can see command lines.",
        metavar="<text>",
        own=True,
    ),
    Option(
        ("--cluster-secret-file",),
        "gregaria_cluster_secret_file",
        WORKER,
        "File that holds the secret.",
        metavar="<filename>",
        own=True,
    ),
    Option(
        ("-T", "--tags"),
        "tags",
        TAGS,
        "Run only tasks that have at least one of these tags.",
        "words",
        metavar="<tag>",
        env="LOCUST_TAGS",
    ),
    Option(
        ("-E", "--exclude-tags"),
        "exclude_tags",
        TAGS,
        "Run no task that has one of these tags.",
        "words",
        metavar="<tag>",
        env="LOCUST_EXCLUDE_TAGS",
    ),
    Option(
        ("--csv",),
        "csv_prefix",
        STATISTICS,
        "Write the statistics to <prefix>_stats.csv, <prefix>_stats_history.csv, <prefix>_failures.csv and "
        "<prefix>_exceptions.csv; missing folders are made.",
        "path",
        metavar="<prefix>",
        env="LOCUST_CSV",
    ),
    Option(
        ("--csv-full-history",),
        "stats_history_enabled",
        STATISTICS,
        "With --csv: a row per second for every name in <prefix>_stats_history.csv, not only for the total. With more "
        "than 1,000 names their rows come less often.",
        "flag",
        env="LOCUST_CSV_FULL_HISTORY",
    ),
    Option(
        ("--print-stats",),
        "print_stats",
        STATISTICS,
        "Print the statistics every two seconds; a headless run does so anyway.",
        "flag",
        env="LOCUST_PRINT_STATS",
    ),
    Option(
        ("--only-summary",),
        "only_summary",
        STATISTICS,
        "Print the statistics only once, at the end.",
        "flag",
        env="LOCUST_ONLY_SUMMARY",
    ),
    Option(
        ("--reset-stats",),
        "reset_stats",
        STATISTICS,
        "Forget what was measured while users were being started.",
        "flag",
        env="LOCUST_RESET_STATS",
    ),
    Option(
        ("--html",),
        "html_file",
        STATISTICS,
        "Write a report to this file; {u}, {r} and {t} in its name become users, spawn rate and run time.",
        "path",
        metavar="<filename>",
        env="LOCUST_HTML",
    ),
    Option(
        ("--result",),
        "gregaria_result_file",
        STATISTICS,
        "Write everything that was measured to this JSON file; 'gregaria report' makes a page of it.",
        "path",
        metavar="<filename>",
        own=True,
    ),
    Option(
        ("--max-names",),
        "gregaria_max_names",
        STATISTICS,
        'Tell at most so many different names apart; further ones are counted together as "(other names)".',
        "positive integer",
        metavar="<int>",
        default=10_000,
        own=True,
    ),
    Option(
        ("--samples",),
        "gregaria_samples",
        STATISTICS,
        "Keep so many of the first, the last and the slowest requests of each failure, and of the slowest of each "
        "name, with their responses; 0 for none.",
        "count",
        metavar="<int>",
        default=3,
        own=True,
    ),
    Option(
        ("--redact",),
        "gregaria_redact",
        STATISTICS,
        "Also remove the values of headers, parameters and fields with these names (comma-separated) from samples; "
        "those of passwords, tokens, keys and cookies are removed anyway.",
        metavar="<names>",
        own=True,
    ),
    Option(
        ("--json",),
        "json",
        STATISTICS,
        "Print the final statistics as JSON on standard output.",
        "flag",
    ),
    Option(
        ("--json-file",),
        "json_file",
        STATISTICS,
        "Write the final statistics as JSON to this file.",
        "path",
        metavar="<filename>",
    ),
    Option(
        ("--plain",),
        "gregaria_plain",
        STATISTICS,
        "Print tables every two seconds on a terminal too, in place of the live view.",
        "flag",
        own=True,
    ),
    Option(
        ("--fail-if",),
        "gregaria_fail_if",
        PASS,
        "Fail the test (exit code 3) if this holds: 'p95 > 400ms', 'p99(/checkout) > 1s', 'fail_ratio > 1%', "
        "'rps < 100'. May be given several times; docs/pass-and-fail.md has all that can be said.",
        "conditions",
        metavar="<condition>",
        own=True,
    ),
    Option(
        ("--warm-up",),
        "gregaria_warm_up",
        PASS,
        "Leave this time from the start of the test out of what --fail-if judges.",
        "timespan",
        metavar="<time string>",
        default="0",
        own=True,
    ),
    Option(
        ("--abort-on-fail",),
        "gregaria_abort_on_fail",
        PASS,
        "End the test as soon as a --fail-if holds for the figures so far (of its window, if it has one).",
        "flag",
        own=True,
    ),
    Option(
        ("--strict",),
        "gregaria_strict",
        PASS,
        "Exit with 4 if this load generator was the limit, so that nobody trusts the figures by accident.",
        "flag",
        own=True,
    ),
    Option(
        ("--junit",),
        "gregaria_junit_file",
        PASS,
        "Write the result as JUnit XML for a CI system: a test case for each name and each threshold.",
        "path",
        metavar="<filename>",
        own=True,
    ),
    Option(
        ("--summary-md",),
        "gregaria_summary_md_file",
        PASS,
        "Add a summary in Markdown to this file, such as $GITHUB_STEP_SUMMARY.",
        "path",
        metavar="<filename>",
        own=True,
    ),
    Option(
        ("--summary",),
        "gregaria_summary_file",
        PASS,
        "Write the final tables and the verdict as plain text to this file.",
        "path",
        metavar="<filename>",
        own=True,
    ),
    Option(
        ("--skip-log-setup",),
        "skip_log_setup",
        LOGGING,
        "Leave logging as Python or the locustfile has set it up.",
        "flag",
        env="LOCUST_SKIP_LOG_SETUP",
    ),
    Option(
        ("--loglevel", "-L"),
        "loglevel",
        LOGGING,
        "DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        "log level",
        metavar="<level>",
        default="INFO",
        env="LOCUST_LOGLEVEL",
    ),
    Option(
        ("--logfile",),
        "logfile",
        LOGGING,
        "Write the log to this file instead of standard error.",
        "path",
        metavar="<filename>",
        env="LOCUST_LOGFILE",
    ),
    Option(
        ("--resolve",),
        "gregaria_resolve",
        OTHER,
        "Connect to this address (or these, separated by commas) for that host and port; nobody is asked for them. "
        "Host header and TLS go by the name. May be given several times.",
        "resolutions",
        metavar="<host:port:address>",
        own=True,
    ),
    Option(
        ("--http-version",),
        "gregaria_http_version",
        OTHER,
        "Which HTTP users speak, unless their class says so itself: 1.1, 2, or auto for HTTP/2 where the server agrees "
        "to it over TLS. Default: 1.1.",
        "http version",
        metavar="<version>",
        own=True,
    ),
    Option(
        ("--show-task-ratio",),
        "show_task_ratio",
        OTHER,
        "Print how often each task would be chosen, and exit. Give --users too if a class has a fixed_count.",
        "flag",
    ),
    Option(
        ("--show-task-ratio-json",),
        "show_task_ratio_json",
        OTHER,
        "The same as JSON.",
        "flag",
    ),
    Option(("--version", "-V"), "version", OTHER, "Show the version and exit.", "version"),
    Option(
        ("--exit-code-on-error",),
        "exit_code_on_error",
        OTHER,
        "Exit code of a test with failed requests or tasks.",
        "exit code",
        metavar="<int>",
        default=1,
        env="LOCUST_EXIT_CODE_ON_ERROR",
    ),
    Option(
        ("-s", "--stop-timeout"),
        "stop_timeout",
        OTHER,
        "How long a user may take to finish the task it is in when the test ends; by default it is cut off.",
        "timespan",
        metavar="<number>",
        default="0",
        env="LOCUST_STOP_TIMEOUT",
    ),
    Option(
        ("--equal-weights",),
        "equal_weights",
        OTHER,
        "Ignore the weights in the locustfile: every user class and every task is equally likely.",
        "flag",
    ),
    Option(
        ("--profile",),
        "profile",
        OTHER,
        "A name to group test runs by.",
        metavar="<name>",
        form="profile",
    ),
    Option(
        ("--otel",),
        "otel",
        OTHER,
        "Send traces and metrics with OpenTelemetry.",
        "flag",
        env="LOCUST_ENABLE_OPENTELEMETRY",
    ),
    Option(
        ("--completion",),
        "gregaria_completion",
        OTHER,
        "Print a completion script for bash, zsh or fish and exit.",
        "shell",
        metavar="<shell>",
        own=True,
    ),
    Option(
        (),
        "user_classes",
        USERS,
        "The user classes to run, by name; all of the locustfile if none is given.",
        "user classes",
        metavar="UserClass",
        env="LOCUST_USER_CLASSES",
    ),
)
