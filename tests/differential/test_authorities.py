"""Whom each client believes, with every variable of the environment that names authorities, under both testers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.scripts import ALIASED
from support.server import TestServer

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
SCRIPT = """
import sys
import locust
from locust import FastHttpUser, HttpUser
from locust.env import Environment

class Plain(HttpUser):
    host = sys.argv[1]

class Fast(FastHttpUser):
    host = sys.argv[1]

class Careful(Fast):
    insecure = False

made = Environment(user_classes=[Plain, Fast, Careful])
plain, fast, careful = (kind(made).client for kind in (Plain, Fast, Careful))
told = {"trusts": plain.trust_env}
told |= {"plain": plain.get("/echo").status_code, "fast": fast.get("/echo").status_code}
told["careful"] = careful.get("/echo").status_code
told["named"] = plain.get("/echo", verify=sys.argv[2]).status_code
told["unverified"] = plain.get("/echo", verify=False).status_code
plain.trust_env = True
told["trusting"] = plain.get("/echo").status_code
told["asked"] = plain.get("/echo", verify=True).status_code
told["trusting, unverified"] = plain.get("/echo", verify=False).status_code
plain.verify = False
told["trusting, never"] = plain.get("/echo").status_code
print(told)
"""
EXPECTED_DIFFERENCES = {
    # Listed in docs/differences.md.
    "SSL_CERT_FILE": {"plain": 200, "trusting": 200, "asked": 200},
    "SSL_CERT_DIR": {"plain": 200, "trusting": 200, "asked": 200, "careful": 200},
}


def told(command: list[str], server: TestServer, variables: dict[str, str]) -> dict[str, int]:
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    arguments = [*command, server.tls, server.authority]
    done = subprocess.run(arguments, env={**clean, **variables}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(eval(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("variable", ["NONE_OF_THEM", *VARIABLES])
def test_the_same_servers_are_believed(variable: str, locust: list[str], server: TestServer, tmp_path: Path) -> None:
    value = server.authority
    if variable == "SSL_CERT_DIR":
        # OpenSSL finds authorities by the hash of their names.
        hashed = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", value], capture_output=True, text=True, check=True
        )
        shutil.copy(value, tmp_path / f"{hashed.stdout.strip()}.0")
        value = str(tmp_path)
    aliased = ALIASED.format(folder=str(tmp_path))
    ours = told([sys.executable, "-c", aliased + "exec(" + repr(SCRIPT) + ")"], server, {variable: value})
    theirs = told([str(Path(locust[0]).with_name("python")), "-c", SCRIPT], server, {variable: value})
    assert theirs["unverified"] == theirs["named"] == 200
    assert ours == theirs | EXPECTED_DIFFERENCES.get(variable, {})
