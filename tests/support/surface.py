"""Everything public that the installed `locust` offers, as JSON: modules, classes, functions, parameters, constants.

Runs by itself under any interpreter; with the argument `gregaria` the modules behind the alias are described.
"""

import builtins
import importlib
import inspect
import json
import os
import pkgutil
import sys
from types import ClassMethodDescriptorType, ModuleType
from typing import Any

SIMPLE = (bool, int, float, str, bytes, type(None))
ARGPARSE_PASSES = {"__main__"}


def module_names(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, "locust.", onerror=lambda _name: None)
    return ["locust", *sorted(info.name for info in found if info.name.rpartition(".")[2] not in ARGPARSE_PASSES)]


def is_own(value: Any) -> bool:
    """Defined by the load tester, wherever it is imported."""
    return str(getattr(value, "__module__", "")).split(".")[0] in ("locust", "gregaria", "pytest_locust")


def is_native(value: Any) -> bool:
    """Defined by the engine, whose classes say so or name no module."""
    return str(getattr(value, "__module__", "")) in ("builtins", "gregaria._engine") and value.__name__ not in vars(
        builtins
    )


def parameters_of(function: Any) -> list[list[Any]] | None:
    """Name, kind and default of every parameter, None where the interpreter cannot tell."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = [[each.name, each.kind.name, default_of(each.default)] for each in signature.parameters.values()]
    return parameters[1:] if parameters and parameters[0][0] in ("self", "_self", "cls") else parameters


def default_of(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return "required"
    return repr(value) if isinstance(value, SIMPLE) else "something"


def constant(value: Any) -> Any:
    """The value of a constant that can be compared, else the name of its type."""
    if isinstance(value, SIMPLE):
        return ["value", repr(value)]
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(item, SIMPLE) for item in value):
        return ["value", repr(sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else list(value))]
    return ["object", type(value).__name__]


def members_of(owner: type) -> dict[str, Any]:
    """Public attributes of a class, innermost definition first; those of a library's base are `foreign`."""
    members: dict[str, Any] = {}
    for base in owner.__mro__:
        if base is object:
            continue
        if not (is_own(base) or is_native(base)):
            for name in vars(base):
                if not name.startswith("_"):
                    members.setdefault(name, {"kind": "foreign"})
            continue
        for name, value in vars(base).items():
            if not name.startswith("_") or name == "__init__":
                members.setdefault(name, member(value, base, name))
        if is_native(base) and "__new__" in vars(base):
            members.setdefault("__init__", {"kind": "method", "parameters": parameters_of(base)})
        for name in getattr(base, "__annotations__", {}):
            if not name.startswith("_"):
                members.setdefault(name, {"kind": "annotation"})
    return members


def member(value: Any, owner: type, name: str) -> dict[str, Any]:
    if isinstance(value, property) or inspect.isdatadescriptor(value):
        return {"kind": "attribute"}
    if isinstance(value, (classmethod, staticmethod, ClassMethodDescriptorType)) or callable(value):
        kind = "classmethod" if isinstance(value, (classmethod, ClassMethodDescriptorType)) else "method"
        return {"kind": kind, "parameters": parameters_of(getattr(owner, name))}
    return {"kind": "attribute", "constant": constant(value)}


def described(value: Any, module_name: str) -> dict[str, Any]:
    if isinstance(value, ModuleType):
        return {"kind": "module"}
    if isinstance(value, type):
        if value.__module__.startswith("locust") and value.__module__ != module_name:
            return {"kind": "class", "members": {}}
        return {"kind": "class", "members": members_of(value)}
    if callable(value) and hasattr(value, "__name__"):
        return {"kind": "function", "parameters": parameters_of(value)}
    return {"kind": "constant", "constant": constant(value)}


def is_public(name: str, value: Any, module: ModuleType) -> bool:
    """Not private, and no module or function that the module has only imported for its own use."""
    if name.startswith("_") or name in ("annotations", "TYPE_CHECKING") or type(value).__name__ == "LocalProxy":
        return False
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[2] == f"{module.__name__}.{name}".partition(".")[2]
    if isinstance(value, type):
        return is_own(value) or is_native(value)
    if callable(value) and hasattr(value, "__name__"):
        # Ours may be at home elsewhere, in the engine for one.
        return (is_own(value) or is_native(value)) and (
            hasattr(module, "__path__")
            or value.__module__ in (module.__name__, "builtins")
            or not value.__module__.startswith("locust")
        )
    # Type variables and the like belong to typing, instances to their module.
    return type(value).__module__ not in ("typing", "types", "__future__")


def members(module: ModuleType) -> list[tuple[str, Any]]:
    """Everything in a module, its submodules included, which may be imported only when they are asked for."""
    here = list(vars(module).items())
    here += [(name, getattr(module, name)) for name in sorted({*dir(module)} - vars(module).keys())]
    if hasattr(module, "__path__"):
        known = dict(here)
        children = {info.name for info in pkgutil.iter_modules(module.__path__)} - known.keys()
        here += [(name, value) for name in children if (value := getattr(module, name, None)) is not None]
    return here


def surface() -> dict[str, Any]:
    import locust

    described_modules: dict[str, Any] = {}
    for module_name in module_names(locust):
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            described_modules[module_name] = {"missing": error.name}
            continue
        names = {name: value for name, value in members(module) if is_public(name, value, module)}
        described_modules[module_name] = {name: described(value, module_name) for name, value in sorted(names.items())}
    return described_modules


if __name__ == "__main__":
    if "gregaria" in sys.argv[1:]:
        from gregaria.locustfile_alias import install

        install()
    # A module wants it to be there when it is imported.
    os.environ.setdefault("OPENAI_API_KEY", "none")
    json.dump(surface(), sys.stdout, indent=1)
