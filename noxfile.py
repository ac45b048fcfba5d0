"""Every check of the project, one session each; ``nox --list`` names them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.sessions = [
    "lint",
    "typing",
    "docs",
    "tests",
    "neighbours",
    "wheel",
    "demo",
]

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
EXTRAS = PROJECT["optional-dependencies"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# The tools whose new releases bring new findings are held still. Checked 2026-11-23.
RUFF = "ruff==0.17.6"
MYPY = "mypy==2.4.1"
CODESPELL = "codespell==2.4.3"
# Other instrumentations of Bedrock; the botocore one is among the tools of all tests.
NEIGHBOURS = [
    "openinference-instrumentation-bedrock",
    "opentelemetry-instrumentation-bedrock",
    "opentelemetry-instrumentation-genai-bedrock",
]
TEST_TOOLS = [tool for tool in EXTRAS["test"] if not tool.startswith("bedrock-attrib")]


def _put_pythons_on_path() -> None:
    """Show nox the Pythons of pyenv, whose shims answer for one version only."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [str(path) for path in sorted(root.glob("versions/3.1[1-9].*/bin"))]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"]])


_put_pythons_on_path()
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")  # test what the machine has
# Tests start hundreds of programs, each of which would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _lowest(requirements: list[str]) -> list[str]:
    """Hold each of *requirements* at its lower bound."""
    return [
        requirement.split(",", maxsplit=1)[0].replace(">=", "==")
        for requirement in requirements
        if ">=" in requirement
    ]


USERS_EXTRAS = (
    "cli",
    "instrumentor",
    "otlp",
    "postgres",
    "prometheus",
    "redis",
    "reports",
)
WEB = ["celery", "django", "flask", "redis", "rq", "starlette", "uvicorn", "websockets"]

LOWEST = _lowest(
    [
        *PROJECT["dependencies"],
        *(bound for extra in USERS_EXTRAS for bound in EXTRAS[extra]),
    ]
)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and spelling."""
    session.install(RUFF, CODESPELL)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the package, and of the examples as its users."""
    session.install("--editable", f".[{','.join(USERS_EXTRAS)}]", "pytest", MYPY)
    session.run("mypy")


@nox.session(python=PYTHONS)
@nox.parametrize("dependencies", ["newest", "lowest"], ids=["newest", "lowest"])
def tests(session: nox.Session, dependencies: str) -> None:
    """Run the tests on one Python with the newest or the lowest dependencies."""
    pins = LOWEST if dependencies == "lowest" else []
    # Another set of pins must not find what an earlier one left behind.
    session.install("--upgrade", "--editable", ".[test]", *pins)
    # Neighbours are compared with in releases of their own: see the session so named.
    ignored = ["--ignore=tests/neighbours"] if dependencies == "lowest" else []
    session.run("pytest", "--numprocesses=2", *ignored, *session.posargs)


# What pins botocore in applications, and so how old it is there. Checked 2026-11-25.
ASYNC_CLIENTS = {
    "1.40.61": ["aioboto3==15.5.0"],  # aiobotocore 2.25.1; no newer aioboto3 exists
    "1.43.117": ["aiobotocore[httpx2]==3.10.0", "boto3==1.43.117"],
    "newest": [],  # no aiobotocore allows it yet, so the tests of async clients skip
}
CLIENT_TESTS = [
    "tests/aio",
    "tests/test_client.py",
    "tests/test_docs.py",
    "tests/test_streams.py",
    "tests/test_targets.py",
]


@nox.session
@nox.parametrize("version", list(ASYNC_CLIENTS), ids=list(ASYNC_CLIENTS))
def botocore(session: nox.Session, version: str) -> None:
    """Run the tests of clients and streams on each botocore of async clients."""
    session.install("--upgrade", "--editable", ".[test]", *ASYNC_CLIENTS[version])
    session.run(
        "pytest",
        "--numprocesses=2",
        *CLIENT_TESTS,
        "-k=not test_docs or async",  # of the pages, those that need an async client
        *session.posargs,
    )


@nox.session
def neighbours(session: nox.Session) -> None:
    """Run beside every other instrumentation of Bedrock, each alone and all at once."""
    session.install("--upgrade", "--editable", ".[test]", *NEIGHBOURS)
    session.run("pytest", "--numprocesses=2", "tests/neighbours", *session.posargs)


@nox.session
def web(session: nox.Session) -> None:
    """Try the middlewares and the recipes for jobs around what they are made for."""
    session.install("--editable", ".[test]", *WEB)
    session.run("pytest", *(session.posargs or ["tests/propagation"]))


@nox.session
def hosts(session: nox.Session) -> None:
    """Patch and fork processes at each moment, with gevent, eventlet and neither."""
    session.install("--editable", ".[test]", "gevent", "eventlet")
    session.run("pytest", *(session.posargs or ["tests/hosts"]))


@nox.session
def build(session: nox.Session) -> None:
    """Build the source distribution, and from it the wheel, into dist/."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist", silent=True)
    for path in sorted(Path("dist").iterdir()):
        session.log("%s, %d KB", path, path.stat().st_size // 1024)


@nox.session(requires=["build"], reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Test the wheel in an environment that holds nothing but it."""
    session.install(*map(str, Path("dist").glob("*.whl")))
    session.run("python", "tests/support/check_install.py")
    # moto brings packages of extras, whose absence is tried here.
    session.install(*(tool for tool in TEST_TOOLS if not tool.startswith("moto")))
    posargs = session.posargs or ["-m", "not slow"]
    session.run("pytest", "--numprocesses=2", *posargs)


# A framework, and what an application installs for it. Each has its own environment,
# as they pin what the others can't have.
FRAMEWORKS = {
    "anthropic": ["anthropic[bedrock]"],
    "haystack": ["amazon-bedrock-haystack>=9"],
    "langchain": ["langchain-aws"],
    "litellm": ["litellm", "boto3"],
    "llama_index": ["llama-index-llms-bedrock-converse"],
    "llama_index_async": ["llama-index-llms-bedrock-converse[async]"],
    "openai": ["openai"],
    "pydantic_ai": ["pydantic-ai-slim[bedrock]"],
    "strands": ["strands-agents"],
}


@nox.session
@nox.parametrize("framework", list(FRAMEWORKS), ids=list(FRAMEWORKS))
def frameworks(session: nox.Session, framework: str) -> None:
    """Run one framework against the simulator, and its example."""
    session.install("--editable", ".", "pytest", "pytest-timeout")
    session.install(*FRAMEWORKS[framework])
    tests = framework.removesuffix("_async")
    paths = [f"tests/frameworks/test_{name}.py" for name in (tests, "examples")]
    # What a framework leaves open at the end of a run is not ours to close.
    session.run("pytest", "-Wdefault", *paths, *session.posargs)


@nox.session
def upstream(session: nox.Session) -> None:
    """Run the frameworks' own suites with and without metering; takes half an hour."""
    session.install("--editable", ".", "pip>=25.1")
    session.run("python", "scripts/run_upstream_suites.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a broken link is an error."""
    session.install(*EXTRAS["docs"], RUFF)
    session.run(
        "mkdocs",
        "build",
        "--strict",
        env={"NO_MKDOCS_2_WARNING": "1"},  # mkdocs-material's advert for MkDocs 2
    )


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demo as its users do."""
    session.install("--editable", ".[demo]")
    session.run("bedrock-attrib", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks, or those that are named."""
    session.install("--editable", ".[otlp,prometheus]")
    paths = session.posargs or sorted(map(str, Path("benchmarks").glob("bench_*.py")))
    for path in paths:
        if not path.endswith("bench_async.py"):  # on another botocore: see below
            session.run("python", path)


@nox.session
def bench_async(session: nox.Session) -> None:
    """Measure the async door beside the sync one."""
    session.install("--editable", ".[aio,otlp,prometheus]")
    session.run("python", "benchmarks/bench_async.py", *session.posargs)
