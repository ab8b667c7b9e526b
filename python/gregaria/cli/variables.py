"""Environment variables that nobody reads but that are nearly called like one that is read: most likely a slip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .options import LOCUST_PREFIX, OPTIONS, OWN_PREFIX

OTHERS = ("LOCUST_SKIP_MONKEY_PATCH", "LOCUST_SKIP_URLLIB")
"""Read by other parts than the parser."""
_NEAR = 0.82


def misspelt(environment: Mapping[str, str], of_locustfiles: Iterable[str] = ()) -> Iterator[str]:
    """Sentences about variables that look like slips. `of_locustfiles` are those that custom arguments read."""
    known = {name for option in OPTIONS for name in option.variables} | {*OTHERS, *of_locustfiles}
    known |= {OWN_PREFIX + name.removeprefix(LOCUST_PREFIX) for name in known if name.startswith(LOCUST_PREFIX)}
    prefixes = (OWN_PREFIX, LOCUST_PREFIX)
    stems = sorted({name.split("_", 1)[1] for name in known if name.startswith(prefixes)})
    for name in sorted(environment):
        if name in known or not name.startswith(prefixes):
            continue
        # Hardly anybody has such a variable, and so needs it.
        import difflib

        prefix, stem = name.split("_", 1)
        if near := difflib.get_close_matches(stem, stems, n=1, cutoff=_NEAR):
            meant = f"{prefix}_{near[0]}"
            meant = meant if meant in known else OWN_PREFIX + near[0]
            yield f"The environment variable {name} means nothing. Did you mean {meant}?"
