"""Checks that every relative link between the Markdown files leads to a file, and to a heading where it names one.

Must not fetch anything: addresses with a scheme are left alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """The name by which a heading is linked to, as code forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken(page: Path) -> Iterator[str]:
    text = FENCE.sub("", page.read_text())
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            yield f"{page}: {link}: no such file"
        elif fragment and target.suffix == ".md":
            anchors = {anchor(heading) for heading in HEADING.findall(FENCE.sub("", target.read_text()))}
            if fragment not in anchors:
                yield f"{page}: {link}: no such heading"


def main() -> int:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    pages = [Path(path) for path in subprocess.check_output(command, text=True).splitlines()]
    found = [sentence for page in pages if page.exists() for sentence in broken(page)]
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
