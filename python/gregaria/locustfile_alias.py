"""`import locust` gives `gregaria`: a finder that maps `locust` and every `locust.*` to the same module objects.

It holds while the `gregaria` command runs a locustfile, also when the real Locust is installed in that environment.
Being the same object, `locust.__version__` is Gregaria's; who needs the version of an installed Locust asks
`importlib.metadata`. It must not import anything of Gregaria before it is asked to.

    import locust.stats ──> LocustFinder ──> importlib.import_module("gregaria.stats") ──> one object, two names
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ALIAS = "locust"
PACKAGE = "gregaria"


def own_name(name: str) -> str | None:
    """The name of our module behind an alias, None for a name that is no alias."""
    if name == ALIAS or name.startswith(ALIAS + "."):
        return PACKAGE + name[len(ALIAS) :]
    return None


class LocustLoader(Loader):
    """Answers with a module that is already there, instead of making one."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._spec: ModuleSpec | None = None

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        """Our module; the import system is about to overwrite its `__spec__`, so that is kept."""
        module = importlib.import_module(self.target)
        self._spec = module.__spec__
        return module

    def get_code(self, _fullname: str) -> Any:
        """The code of our module, for `python -m locust`."""
        spec = importlib.util.find_spec(self.target)
        return spec.loader.get_code(self.target) if spec and isinstance(spec.loader, InspectLoader) else None

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: the module keeps its own identity."""
        module.__spec__ = self._spec


class LocustFinder(MetaPathFinder):
    """Finds `locust` and `locust.*` before any other finder can."""

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        """A spec for an alias whose module exists, else None: then the import fails as for any missing module."""
        name = own_name(fullname)
        if name is None or (name not in sys.modules and importlib.util.find_spec(name) is None):
            return None
        return ModuleSpec(fullname, LocustLoader(name))


def install() -> None:
    """Put the alias in force; a real Locust that has already been imported is forgotten."""
    if any(isinstance(finder, LocustFinder) for finder in sys.meta_path):
        return
    for name in [name for name in sys.modules if own_name(name) is not None]:
        del sys.modules[name]
    sys.meta_path.insert(0, LocustFinder())


def uninstall() -> None:
    """Take the alias out of force again; for tests."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, LocustFinder)]
    for name in [name for name in sys.modules if own_name(name) is not None]:
        del sys.modules[name]
