"""The order of packages: a module imports only from its own layer or inner ones."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "bedrock_attrib"

# From the innermost package to the outermost. Inside a package the order is free.
LAYERS = (
    ("errors", "_version"),
    ("_model",),
    ("_runtime",),
    ("_attribution", "_readers", "pricing"),
    ("_sinks",),
    ("metrics", "ledger", "policy", "budgets"),
    ("_config", "_exit_summary", "_resource_tags"),
    ("_recording",),
    ("_default_recorder",),
    ("_instrument", "httpx", "propagation", "serverless"),
    ("instrumentor", "_pyinstaller", "_run", "sinks"),
    ("aws",),
    ("dashboards", "reports", "testing"),
    ("cli", "__main__"),
    ("__init__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
STRANGERS = frozenset({"metrics", "ledger", "policy", "budgets"})

MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    """Dotted name below the package: ``pricing._table``, ``pricing``, ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


NAMES = {module_name(path): path for path in MODULES}


@cache
def imported(name: str) -> frozenset[str]:
    """Absolute dotted names that module *name* imports, in functions and for types."""
    return frozenset(_imported(NAMES[name]))


def _imported(path: Path) -> Iterator[str]:
    package = ("bedrock_attrib", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def own_imports(name: str) -> set[str]:
    """Modules of the package that *name* imports; the root is ``__init__``."""
    found = set()
    for target in imported(name):
        if target.partition(".")[0] != "bedrock_attrib":
            continue
        parts = target.split(".")[1:]
        while parts and ".".join(parts) not in NAMES:
            parts.pop()  # the last part was a name inside a module
        found.add(".".join(parts) or "__init__")
    return found - {name}


def outside_imports(name: str) -> set[str]:
    """Dotted names from other packages that *name* imports."""
    own = "bedrock_attrib"
    return {target for target in imported(name) if target.split(".")[0] != own}


def top(name: str) -> str:
    """The module or folder directly below the package that holds *name*."""
    return name.partition(".")[0]


def rank(name: str) -> int:
    """Place of the layer of *name*; a module without one counts as outermost."""
    return RANK.get(top(name), len(LAYERS))


def test_every_module_has_a_layer() -> None:
    """A new module or folder is given its place before it is used."""
    assert sorted({top(name) for name in NAMES} - RANK.keys()) == []


def test_imports_point_inward() -> None:
    """A module imports from its own folder or layers above, and never the root."""
    outward = [
        f"{name} -> {target}"
        for name in NAMES
        for target in own_imports(name)
        if rank(target) > rank(name)
    ]
    assert sorted(outward) == []


def test_sinks_and_guards_do_not_know_each_other() -> None:
    """Each of them can be taken away without touching another."""
    known = [
        f"{name} -> {target}"
        for name in NAMES
        for target in own_imports(name)
        if top(name) in STRANGERS and top(target) in STRANGERS - {top(name)}
    ]
    assert sorted(known) == []


def test_imports_make_no_circle() -> None:
    """Modules of one folder may know each other one way only."""
    graph = {name: own_imports(name) for name in NAMES}
    try:
        TopologicalSorter(graph).prepare()
        circle: list[str] = []
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


# The places where an outside package may be imported.
ONLY_IN = {
    "aiobotocore": set(),  # any version that the application has will do
    "boto3": {"_instrument", "aws", "budgets", "cli", "ledger", "testing"},
    "botocore": {"_instrument", "aws", "budgets", "httpx", "ledger", "testing"},
    "celery": {"propagation"},
    "click": {"cli"},
    "jinja2": {"reports"},
    "markupsafe": {"reports"},
    "opentelemetry": {
        "_attribution",
        "_default_recorder",
        "_recording",
        "_resource_tags",
        "cli",
        "instrumentor",
        "metrics",
        "propagation",
    },
    "opentelemetry.sdk": {"cli"},
    "psycopg": {"ledger"},
    "pyarrow": {"ledger", "reports"},
    "pytest": {"testing"},
    "redis": {"budgets"},
    "rich": {"cli"},
    "rq": {"propagation"},
}


def test_outside_packages_have_their_door() -> None:
    """An outside package is imported in few places, which are listed."""
    found = {
        package: {
            top(name)
            for name in NAMES
            if any(f"{t}.".startswith(f"{package}.") for t in outside_imports(name))
        }
        for package in ONLY_IN
    }
    assert {package: found[package] - ONLY_IN[package] for package in ONLY_IN} == {
        package: set() for package in ONLY_IN
    }


def test_values_need_the_standard_library_alone() -> None:
    """Values can be read, pickled and tested without any dependency."""
    outside = {
        target.partition(".")[0]
        for name in NAMES
        if top(name) in {"errors", "_model"}
        for target in outside_imports(name)
    }
    assert sorted(outside - sys.stdlib_module_names) == []
