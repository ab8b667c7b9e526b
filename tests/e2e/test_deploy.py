"""What is under deploy/: linted, rendered, valid for Kubernetes, and every command line in it is one that we take."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.server import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
CHART = DEPLOY / "helm" / "gregaria"
BIN = Path(sys.executable).parent

VARIANTS = {
    "deployment": [],
    "job": ["--set", "mode=job", "--set", "job.users=500"],
    "autoscaled": ["--set", "worker.autoscaling.enabled=true", "--set", "serviceMonitor.enabled=true"],
    "for Locust's workers": ["--set", "cluster.insecure=true"],
    "of one's own": [
        *(
            "--set",
            "test.existingConfigMap=mine",
            "--set",
            "cluster.existingSecret=mine",
            "--set",
            "test.host=http://x",
        ),
        *("--set", "test.extraArgs={--tags,smoke}", "--set", "worker.extraArgs={--processes,-1}"),
        *("--set", "podDisruptionBudget.enabled=false", "--set", "test.env.LOCUST_USERS=5"),
    ],
}


def tool(*line: str) -> str:
    done = subprocess.run([str(BIN / line[0]), *line[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def render(*options: str) -> list[dict[str, Any]]:
    text = tool("helm", "template", "load", str(CHART), *options)
    return [document for document in yaml.safe_load_all(text) if document]


def containers(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            yield from document["spec"]["template"]["spec"]["containers"]


def parsed(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """What the command makes of a command line and an environment."""
    code = (
        "import json, sys; from gregaria.argument_parser import get_parser; "
        "print(json.dumps(vars(get_parser().parse_args(sys.argv[1:])), default=str))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin", **environment},
    )
    assert done.returncode == 0, done.stderr
    options: dict[str, Any] = json.loads(done.stdout)
    return options


def image_environment() -> dict[str, str]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("ENV "))
    return dict(pair.split("=", 1) for pair in line.removeprefix("ENV ").split())


def test_the_image_is_made_by_the_rules() -> None:
    tool("hadolint", str(DEPLOY / "Dockerfile"))
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "USER 1000" in text and 'ENTRYPOINT ["gregaria"]' in text
    options = parsed(["--master"], image_environment())
    assert options["web_host"] == "0.0.0.0" and options["gregaria_insecure_cluster"] is True


def test_the_chart_is_clean() -> None:
    tool("helm", "lint", "--strict", str(CHART))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_the_chart_gives_is_valid_and_understood(variant: str, tmp_path: Path) -> None:
    documents = render(*VARIANTS[variant])
    known = [document for document in documents if document["kind"] != "ServiceMonitor"]
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(yaml.safe_dump_all(known), encoding="utf-8")
    tool("kubernetes-validate", str(rendered))
    found = list(containers(documents))
    assert [container["name"] for container in found] == ["master", "worker"]
    for container in found:
        environment = {entry["name"]: str(entry.get("value", "x" * 32)) for entry in container["env"] or []}
        options = parsed(container["args"], {**image_environment(), **environment})
        assert options["master"] is (container["name"] == "master") and options["worker"] is not options["master"]
        assert options["locustfile"] == "/mnt/locust/locustfile.py"
        encrypted = options["gregaria_cluster_secret"] is not None
        assert encrypted is (variant != "for Locust's workers")
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    names = {document["metadata"]["name"] for document in documents}
    worker = parsed(found[1]["args"], {})
    assert worker["master_host"] in names


def test_bad_values_are_refused_by_the_chart() -> None:
    for bad in ("mode=daemon", "cluster.secret=short", "worker.replicas=0", "job.users=many"):
        done = subprocess.run(
            [str(BIN / "helm"), "template", "load", str(CHART), "--set", bad], capture_output=True, text=True
        )
        assert done.returncode != 0 and bad.split("=")[0].split(".")[-1] in done.stderr, bad


def test_manifests_and_compose_file_are_valid_and_understood() -> None:
    manifest = DEPLOY / "kubernetes" / "gregaria.yaml"
    tool("kubernetes-validate", str(manifest))
    documents = list(yaml.safe_load_all(manifest.read_text(encoding="utf-8")))
    commands = [container["args"] for container in containers(documents)]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert set(compose["services"]) == {"master", "worker"}
    commands += [service["command"] for service in compose["services"].values()]
    modes = [(options["master"], options["worker"]) for options in (parsed(line, {}) for line in commands)]
    assert modes == [(True, False), (False, True)] * 2
    assert parsed(compose["services"]["worker"]["command"], {})["master_host"] == "master"
