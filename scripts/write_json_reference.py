"""Reference of the JSON that commands print: an example and a schema of each.

Runs every command on sample ledgers (`tests/support/json_samples.py`) and writes
``docs/reference/json.md`` and ``docs/reference/json-schema.json``.

Run: python scripts/write_json_reference.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "docs/reference/json-schema.json"
PAGE = ROOT / "docs/reference/json.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Objects whose members are named by data: units, currencies, dimensions, settings.
MAPS = frozenset(
    "assumptions_by by_unit cost costs currencies environment estimated excluded_cost "
    "keys other_costs per_1000_tokens per_call share total_cost usage".split()
)
# What no sample has: items of lists, and values of members that may be null.
_TEXTS = frozenset(
    "doubts keys problems remarks same_price_regions similar_models skipped "
    "unpriced_units".split()
)
_ELSE = {"after": "object", "first_chunk_p50": "number", "rest": "object"}
_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_INTRODUCTION = """\
# JSON of commands

Every command has `--json`. This page shows what each prints; it was written by
running them (`python scripts/write_json_reference.py`). The schemas themselves are in
[json-schema.json](json-schema.json), under `$defs` by the name of the command.

- **Amounts are text**, exact to the last digit: read them as decimals, not as floating
  point. An amount that is not known is `null` or absent, never zero.
- **Times** are ISO 8601 with an offset; `until` is the moment after the last.
- **Named by data**: `usage` has a member per unit, amounts such as `cost` one per
  currency, and `keys` one per dimension of `--by`.
- `remarks` are sentences for people. Decide by the other members.
- New members may come with any version; ignore those that you do not know. Members
  that are not marked as optional stay.
- `csv` and `parquet` have the same figures in flat columns, such as `cost_usd` for
  `cost.USD`.

Lists are cut to their first item in the examples.
"""


def infer(values: Iterable[Any], name: str = "") -> dict[str, Any]:
    """Return the schema of *values*, which all have the place *name*."""
    values = list(values)
    kinds = sorted({_KINDS[type(value)] for value in values})
    if "integer" in kinds and "number" in kinds:
        kinds.remove("integer")
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    objects = [value for value in values if isinstance(value, dict)]
    items = [item for value in values if isinstance(value, list) for item in value]
    if items:
        schema["items"] = infer(items)
    elif name in _TEXTS:
        schema["items"] = {"type": "string"}
    if kinds == ["null"]:
        schema["type"] = ["null", _ELSE.get(name, "string")]
    if objects and name in MAPS:
        members = [member for each in objects for member in each.values()]
        schema["additionalProperties"] = infer(members or [""])
    elif objects:
        names = dict.fromkeys(key for each in objects for key in each)
        schema["properties"] = {
            key: infer([each[key] for each in objects if key in each], key)
            for key in names
        }
        schema["required"] = [
            key for key in names if all(key in each for each in objects)
        ]
    return schema


def problems(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Return where *value* is not what *schema* says, unknown members included."""
    if not schema:
        return []
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = _KINDS[type(value)]
    if kind not in kinds and not (kind == "integer" and "number" in kinds):
        return [f"{path}: {kind}, expected {' or '.join(kinds)}"]
    if isinstance(value, list):
        rest = schema.get("items", {})
        return [p for each in value for p in problems(each, rest, f"{path}[]")]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    found = [
        f"{path}.{key}: missing"
        for key in schema.get("required", ())
        if key not in value
    ]
    for key, member in value.items():
        if key not in known and rest is None:
            found.append(f"{path}.{key}: not in the schema")
        else:
            found += problems(member, known.get(key, rest), f"{path}.{key}")
    return found


def _cut(value: Any) -> Any:
    """Return *value* with the first item of each list, the fullest of them."""
    if isinstance(value, list):
        return [_cut(item) for item in sorted(value, key=_fullness, reverse=True)[:1]]
    if isinstance(value, dict):
        return {key: _cut(member) for key, member in value.items()}
    return value


def _fullness(value: Any) -> int:
    return len(json.dumps(value))


def main() -> None:
    """Write the page and the schema."""
    sys.path.insert(0, str(ROOT / "tests/support"))
    from json_samples import samples  # noqa: PLC0415 -- tests' own

    found: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, value in samples(Path(folder)):
            found.setdefault(name, []).append(value)
    definitions = {name: infer(values) for name, values in sorted(found.items())}
    whole = {"$schema": DIALECT, "$defs": definitions}
    SCHEMA.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    parts = [_INTRODUCTION]
    for name, schema in definitions.items():
        examples = [_cut(value) for value in found[name]]
        if name != "simulate":  # which prints two kinds of objects
            examples = [max(examples, key=_fullness)]
        shown = "\n".join(
            _without_paths(json.dumps(each, indent=2, ensure_ascii=False), folder)
            for each in examples
        )
        members = "\n".join(_members(schema))
        parts.append(
            f"## `bedrock-attrib {name}`\n\n```json\n{shown}\n```\n\n"
            f"| member | type |\n|---|---|\n{members}\n"
        )
    PAGE.write_text("\n".join(parts), "utf-8")


def _without_paths(text: str, folder: str) -> str:
    """Replace the folders of the machine that this runs on."""
    for path, shown in (
        (folder, "/data"),
        (str(ROOT / "src"), "/app"),
        (str(ROOT), "/app"),
        (str(Path(sys.prefix)), "/venv"),
        (str(Path.home()), "/home/me"),
    ):
        text = text.replace(path, shown)
    return text


def _members(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield a row of a table for each member, with those that may be absent marked."""
    required = schema.get("required", ())
    for key, member in schema.get("properties", {}).items():
        yield from _rows(member, f"{path}.{key}" if path else key, key in required)
    if rest := schema.get("additionalProperties"):
        yield from _rows(rest, f"{path}.*", is_required=True)


def _rows(schema: dict[str, Any], path: str, is_required: bool) -> Iterator[str]:  # noqa: FBT001
    if not schema:
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    items = schema.get("items", {})
    while items and items["type"] == "array":  # lists of lists
        path, items = f"{path}[]", items.get("items", {})
    shown = " or ".join(kinds)
    if "array" in kinds and items and items["type"] != "object":
        one = items["type"]
        shown += f" of {one if isinstance(one, str) else ' or '.join(one)}"
    yield f"| `{path}` | {shown}{'' if is_required else ', optional'} |"
    yield from _members(items or schema, f"{path}[]" if items else path)


if __name__ == "__main__":
    main()
