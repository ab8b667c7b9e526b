"""Makes fast_failure_texts.json: what Locust's FastHttpUser says of every way a request can fail.

Usage: python tests/golden/make_fast_failure_texts.py [LOCUST_COMMAND]; the default is $GREGARIA_LOCUST, then
.venvs/locust.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import failures
from support.server import REPOSITORY, test_server


def main() -> None:
    default = os.environ.get("GREGARIA_LOCUST", str(REPOSITORY / ".venvs/locust/bin/locust"))
    locust = str(Path(sys.argv[1] if len(sys.argv) > 1 else default).absolute())
    version = subprocess.run([locust, "--version"], capture_output=True, text=True, check=True).stdout.split(" from ")
    with test_server() as server, tempfile.TemporaryDirectory() as folder:
        cases = failures.record([locust], server, Path(folder), locustfile=failures.FAST_LOCUSTFILE)
    made_with = version[0] + " " + version[1].split(" (")[-1].strip(" ()\n")
    lines = [f"{json.dumps(name)}: {json.dumps(case, ensure_ascii=False)}" for name, case in cases.items()]
    target = Path(__file__).with_name("fast_failure_texts.json")
    body = ",\n".join(lines)
    target.write_text(f'{{"made_with": {json.dumps(made_with)}, "cases": {{\n{body}\n}}}}\n', encoding="utf-8")
    print(f"{len(cases)} cases written to {target}")


if __name__ == "__main__":
    main()
