"""All commands of the project. Each sets up what it needs on a machine with Python, Java and git."""

import os
import shutil
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2026.7.11"
# Where there is no uv, nox would say so each time.
nox.options.default_venv_backend = "uv" if shutil.which("uv") else "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["test", "check_artifact", "lint", "typing"]

PROJECT = nox.project.load_toml("pyproject.toml")
DEPLOY_TOOL = "tools/community_connector"
CASSETTES_TOOL = "tools/strict_cassettes"
EXAMPLE = "examples/tracker"
# Which groups use which of the distributions that stand here beside the connector.
TOOLS = {
    "test": (CASSETTES_TOOL, DEPLOY_TOOL),
    "typing": (CASSETTES_TOOL, DEPLOY_TOOL),
    "ingest": (CASSETTES_TOOL,),
    "harness": (CASSETTES_TOOL,),
    "serve": (CASSETTES_TOOL,),
    "artifact": (CASSETTES_TOOL,),
}
PYTHONS = nox.project.python_versions(PROJECT)
PYTHON = "{}.{}".format(*sys.version_info)
if PYTHON not in PYTHONS:
    sys.exit(
        f"Python {PYTHON} does not run this project; {', '.join(PYTHONS)} do. With one of them: "
        "python3.12 -m pip install nox && python3.12 -m nox -s ingest; or: uvx --python 3.12 nox -s ingest"
    )
# What needs Spark shares one environment, to which each session adds what it needs: Spark alone is half a
# gigabyte.
SPARK = Path(".nox").resolve() / f"spark-{PYTHON}"
# What makes the generated files.
MAKERS = ("merge_python_source", "generate_connector_spec", "generate_tables_doc", "generate_assumptions_doc")
# Seconds.
PATIENCE = 20.0
# Engines that `compat` tries, and what stands in each. Databricks' serverless environment 5 has Python 3.12.
ENGINES = {
    "spark-4.0": ["pyspark==4.0.*"],
    "spark-4.1": ["pyspark[pipelines]==4.1.*"],
    "spark-4.3": ["pyspark[pipelines]==4.3.*"],
    "serverless-5": ["pyspark==4.0.*", "pyarrow==21.0.0", "requests==2.32.3"],
}
# What touches Spark's or Arrow's types without a session.
COMPAT_TESTS = [f"tests/unit/test_{name}.py" for name in ("datasource", "pipeline", "records", "split")]


def packages(group: str) -> list[str]:
    """One of pyproject's dependency groups, and the tools that belong to it, as pip takes them."""
    tools = [argument for tool in TOOLS.get(group, ()) for argument in ("-e", tool)]
    return [*nox.project.dependency_groups(PROJECT, group), *tools]


def share(session: nox.Session, group: str) -> str:
    """The Python of the shared environment, with what a group needs."""

    scripts = SPARK / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    if not scripts.exists():
        session.log(f"Making {SPARK.parent.name}/{SPARK.name}: half a gigabyte comes over the network")
        # Which nox itself needs, and so has.
        session.run(sys.executable, "-m", "virtualenv", "--quiet", str(SPARK), external=True, log=False)
    # Its words would be a wall that nobody reads.
    command = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    session.run(*command, *packages(group), external=True, silent=True, log=False)
    session.env["PATH"] = os.pathsep.join((str(scripts), os.environ["PATH"]))
    return python


def run_and_exit(session: nox.Session, *command: str) -> None:
    """Run a command whose exit code means something: 2 is bad input, and nox alone would exit with 1. At
    Ctrl-C it is given the time to end what it started."""
    try:
        session.run(
            *command,
            external=True,
            # Apart: nox would put it among what scripts read.
            stderr=sys.stderr,
            interrupt_timeout=PATIENCE,
            terminate_timeout=PATIENCE,
        )
    except CommandFailed as failed:
        code = failed.return_code or 1
        # As a shell has it, of what was killed.
        sys.exit(code if code > 0 else 128 - code)


@nox.session(python=False)
def ingest(session: nox.Session) -> None:
    """Read every table through the merged file in Spark, into build/lakehouse/."""
    python = share(session, "ingest")
    run_and_exit(session, python, "-m", "scripts.ingest", *session.posargs)


@nox.session(python=False)
def test(session: nox.Session) -> None:
    """The whole suite, offline, over the source and over the merged file."""
    python = share(session, "test")
    session.run(python, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *session.posargs, external=True)


@nox.session(python=False)
def bench(session: nox.Session) -> None:
    """Measure what syncs cost, and more; `-- NAME...` picks."""
    python = share(session, "test")
    run_and_exit(session, python, "-m", "scripts.bench", *session.posargs)


@nox.session
@nox.parametrize(
    "python,engine",
    [
        nox.param(python, engine, id=f"{python}-{engine}")
        for engine in ENGINES
        for python in (PYTHONS if engine.startswith("spark") else ["3.12"])
    ],
)
def compat(session: nox.Session, engine: str) -> None:
    """The merged file in other Sparks and Pythons; `nox -s "compat(3.12-spark-4.0)"` picks one."""
    suite = nox.project.dependency_groups(PROJECT, "suite")
    others = ("pandas<3", "pyarrow>=21,<27", "requests>=2.32,<3", "-e", CASSETTES_TOOL)
    session.install("--quiet", *suite, *ENGINES[engine], *others)
    tests = ("tests/spark", "tests/replay", *COMPAT_TESTS)
    # Older Sparks leave sockets to the garbage collector.
    quiet = ("-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")
    command = ("python", "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile", *quiet)
    session.run(*command, *tests, *session.posargs)


@nox.session(python=False)
def soak(session: nox.Session) -> None:
    """What takes too long for every run: a killed ingest, and 5,000 random histories, with figures."""
    python = share(session, "test")
    session.run(python, "-m", "pytest", "-q", "-m", "soak or alike", *session.posargs, external=True)
    command = (python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile")
    histories = ("tests/unit/test_histories.py", "tests/unit/test_plans.py")
    session.run(*command, *histories, *session.posargs, env={"HISTORIES": "5000"}, external=True)


@nox.session(python=False)
def record(session: nox.Session) -> None:
    """Record cassettes from a live account, or `-- --sandbox`."""
    python = share(session, "harness")
    run_and_exit(session, python, "-m", "harness", "record", *session.posargs)


@nox.session(python=False)
def probe(session: nox.Session) -> None:
    """Ask a live account (`-- --sandbox`: the sandbox) what is unverified about Aha!'s API."""
    python = share(session, "harness")
    run_and_exit(session, python, "-m", "harness.probe", *session.posargs)


@nox.session(python=False)
def cassettes(session: nox.Session) -> None:
    """List the cassettes and fail on leaks, orphans, gaps, age and size; `-- --html` writes a page."""
    python = share(session, "test")
    run_and_exit(session, python, "-m", "harness", "cassettes", *session.posargs)


@nox.session(python=False)
def drift(session: nox.Session) -> None:
    """Compare the shapes of live answers (`-- --sandbox`: the sandbox's) with the cassettes."""
    python = share(session, "harness")
    run_and_exit(session, python, "-m", "harness", "drift", *session.posargs)


@nox.session
def serve(session: nox.Session) -> None:
    """Serve a recorded scenario to curl; `-- ideas/one_page --port 8080`."""
    session.install("--quiet", *packages("serve"))
    run_and_exit(session, "python", "-m", "harness", "serve", *session.posargs)


@nox.session
def sandbox(session: nox.Session) -> None:
    """Run the local Aha!; try `nox -s sandbox -- --help`."""
    session.install("--quiet", *packages("sandbox"))
    run_and_exit(session, "python", "-m", "sandbox", *session.posargs)


@nox.session(python=False)
def build_artifact(session: nox.Session) -> None:
    """Regenerate the merged file, connector_spec.yaml, docs/tables.md and docs/assumptions.md."""
    python = share(session, "artifact")
    for maker in MAKERS:
        session.run(python, "-m", f"scripts.{maker}", external=True)


@nox.session
def build_wheel(session: nox.Session) -> None:
    """Build the connector's wheel, for managed ingestion, into dist/."""
    session.install("--quiet", "build>=1.2")
    session.run("python", "-m", "build", "--wheel", "--outdir", "dist", "tools/connector_wheel")


@nox.session
def example(session: nox.Session) -> None:
    """Another connector's whole cycle, over the wheel of strict-cassettes in an empty environment."""
    place = Path(session.create_tmp())
    session.install("--quiet", "build>=1.2")
    session.run(
        "python", "-m", "build", "--wheel", "--outdir", str(place / "dist"), CASSETTES_TOOL, silent=True
    )
    (wheel,) = (place / "dist").glob("*.whl")
    session.install("--quiet", f"{wheel}[pytest]")
    shutil.rmtree(place / "tracker", ignore_errors=True)
    shutil.copytree(EXAMPLE, place / "tracker", ignore=shutil.ignore_patterns("cassettes", "__pycache__"))
    with session.chdir(place / "tracker"):
        session.run("strict-cassettes", "record", "--sandbox")
        session.run("strict-cassettes", "cassettes")
        session.run("pytest", "-q")


@nox.session(python=False)
def check_artifact(session: nox.Session) -> None:
    """Fail if a generated file is stale, missing or untracked. Changes nothing."""
    python = share(session, "artifact")
    faults = []
    for maker in MAKERS:
        try:
            session.run(python, "-m", f"scripts.{maker}", "--check", external=True)
        except CommandFailed:
            faults.append(maker)
    if faults:
        session.error("A generated file is not what its sources make: see above.")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, over code and format."""
    session.install("--quiet", *packages("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=False)
def typing(session: nox.Session) -> None:
    """mypy --strict."""
    python = share(session, "typing")
    session.run(python, "-m", "mypy", external=True)
