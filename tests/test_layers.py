"""The order of rooms: a module imports only what stands above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "bedrock_attrib"

# From the innermost room to the outermost. The two rooms of sinks are one in the
# documentation: a sink may stand on the queue, but never on another sink.
ROOMS = {
    "values": (
        "_errors",
        "_usage",
        "_tally",
        "_model_id",
        "_money",
        "_cost",
        "_record",
    ),
    "meaning": (
        "_faults",
        "_ids",
        "_batch",
        "_processes",
        "_readers",
        "_request_hash",
        "_attribution",
        "pricing",
    ),
    "ground of sinks and guards": ("_queue", "_sinks"),
    "sinks and guards": ("metrics", "ledger", "policy", "budgets", "_summary"),
    "wiring": (
        "_config",
        "_baggage",
        "_drains",
        "_routes",
        "_call",
        "_settlement",
        "_profiles",
        "_progress",
        "_settler",
        "_open_streams",
        "_reported",
        "_endings",
        "_recorder",
        "_defaults",
    ),
    "doors": (
        "_raw",
        "_feeds",
        "_leftovers",
        "_streams",
        "aio",
        "_handlers",
        "_targets",
        "_client",
        "httpx",
        "propagation",
    ),
    "switches": ("instrumentor", "serverless", "_autostart", "_launch"),
    "AWS": ("billing",),
    "people": ("reports", "testing", "cli", "__main__"),
    "names": ("__init__",),
}
RANK = {name: rank for rank, names in enumerate(ROOMS.values()) for name in names}
STRANGERS = frozenset(ROOMS["sinks and guards"])

MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    """Dotted name below the package: ``pricing._table``, ``pricing``, ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


NAMES = {module_name(path): path for path in MODULES}


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Absolute dotted names that *path* imports, in functions and for types too."""
    return tuple(_imported(path))


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
    for target in imported(NAMES[name]):
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
    return {target for target in imported(NAMES[name]) if target.split(".")[0] != own}


def top(name: str) -> str:
    """The module or folder directly below the package that holds *name*."""
    return name.partition(".")[0]


def rank(name: str) -> int:
    """Place of the room of *name*; a module without a room counts as outermost."""
    return RANK.get(top(name), len(ROOMS))


def test_every_module_has_a_room() -> None:
    """A new module or folder is given its place before it is used."""
    homeless = sorted({top(name) for name in NAMES} - RANK.keys())
    assert homeless == []


def test_imports_point_inward() -> None:
    """A module imports from its own room or rooms above, and never the root."""
    outward = [
        (name, target)
        for name in NAMES
        for target in sorted(own_imports(name))
        if rank(target) > rank(name)
    ]
    assert outward == []


def test_sinks_and_guards_do_not_know_each_other() -> None:
    """Each of them can be taken away without touching another."""
    others = [
        (name, target)
        for name in NAMES
        if top(name) in STRANGERS
        for target in sorted(own_imports(name))
        if top(target) in STRANGERS - {top(name)}
    ]
    assert others == []


def test_imports_make_no_circle() -> None:
    """Modules of one room or folder may know each other one way only."""
    graph = {name: own_imports(name) for name in NAMES}
    try:
        TopologicalSorter(graph).prepare()
        circle: list[str] = []
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


# Which outside package is imported where; the dependency is then easy to follow.
ONLY_IN = {
    "botocore": {
        *("_feeds", "_leftovers", "_streams", "aio", "_handlers"),
        *("_targets", "_client", "httpx", "billing", "testing"),
    },
    "boto3": {"_targets", "billing", "testing", "cli"},
    "aiobotocore": set(),  # whatever the application uses will do
    "opentelemetry": {
        "metrics",
        "_baggage",
        "_call",
        "_defaults",
        "_recorder",
        "_settler",
        "propagation",
        "cli",
        "instrumentor",
    },
    "opentelemetry.sdk": {"cli"},
    "click": {"cli"},
    "rich": {"cli"},
    "psycopg": {"ledger"},
    "pyarrow": {"ledger", "reports"},
    "pytest": {"testing"},
}


def test_outside_packages_have_their_door() -> None:
    """An outside package is known to few modules, which are listed."""
    strays = [
        (name, package)
        for name in NAMES
        for package, allowed in ONLY_IN.items()
        if top(name) not in allowed
        and any(f"{t}.".startswith(f"{package}.") for t in outside_imports(name))
    ]
    assert strays == []


def test_values_stand_on_the_standard_library_alone() -> None:
    """What travels can be read, pickled and tested without any dependency."""
    outside = {
        target.partition(".")[0]
        for name in NAMES
        if top(name) in ROOMS["values"]
        for target in outside_imports(name)
    }
    known = {"__future__", "collections", "dataclasses", "datetime", "decimal", "enum"}
    assert sorted(outside - known) == ["functools", "itertools", "re", "typing"]
