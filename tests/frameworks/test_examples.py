"""The examples of frameworks print what they say they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from waiting import HANG_S

ROOT = Path(__file__).parent.parent.parent
SUPPORT = ROOT / "tests" / "support"
# An example, and the module without which it can't run.
EXAMPLES = {
    "anthropic_bedrock": "anthropic",
    "haystack_generator": "haystack_integrations.components.generators.amazon_bedrock",
    "langchain_chat": "langchain_aws",
    "litellm_bedrock": "litellm",
    "llama_index_llm": "llama_index.llms.bedrock_converse",
    "openai_compatible": "openai",
    "pydantic_ai_agent": "pydantic_ai.models.bedrock",
    "strands_agent": "strands",
}


def is_there(module: str) -> bool:
    """Whether *module* can be imported, which is not tried: some take seconds."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent is there
        return False


def test_every_example_is_run() -> None:
    """No example is left out."""
    names = {path.stem for path in (ROOT / "examples/frameworks").glob("*.py")}
    assert names == EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    """It needs no account, and prints what its last comment says."""
    if not is_there(EXAMPLES[name]):
        pytest.skip(f"{EXAMPLES[name]} is missing")
    example = ROOT / "examples/frameworks" / f"{name}.py"
    environment = os.environ | {
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "HOME": str(tmp_path),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": str(SUPPORT),  # whose sitecustomize keeps to this machine
    }
    done = subprocess.run(
        [sys.executable, example],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = example.read_text("utf-8").partition("\n# Prints:\n")[2]
    assert done.stdout == re.sub(r"^# ?", "", shown, flags=re.MULTILINE)
