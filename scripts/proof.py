"""Run the tests marked `proof` whole, on SQLite and on PostgreSQL with Redis, and write docs/proof/.

A proof tells what it saw with pytest's `record_property` (seed, faults that fired, rows compared); each of
these lands in the report beside its result. The report names commit, day and machine.
"""

import datetime
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from scripts.check import COMPILED
from scripts.check import PYTEST as TESTS

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "docs" / "proof"
# One hour in all, shared by the two databases; a single proof may take half of it.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-m", "proof", "--timeout=1800", "-o", "junit_family=xunit1"]
SERVICES = [sys.executable, "scripts/services.py"]


def commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"


def describe(case: ElementTree.Element) -> list[str]:
    """Return one proof's lines: result, duration, and what it recorded."""
    failed = case.find("failure") is not None or case.find("error") is not None
    result = "failed" if failed else "skipped" if case.find("skipped") is not None else "passed"
    title = case.get("name", "").removeprefix("test_").replace("_", " ")
    lines = [f"## {title}", "", f"- result: **{result}** after {float(case.get('time', 0)):.1f} s"]
    lines += [f"- {fact.get('name')}: {fact.get('value')}" for fact in case.iter("property")]
    return [*lines, ""]


def write_report(title: str, file: str, results: Path) -> None:
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    lines = [
        f"# {title}",
        "",
        f"Commit {commit()}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
    ]
    for case in cases:
        lines += describe(case)
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / file).write_text("\n".join(lines).rstrip() + "\n")


@dataclass(frozen=True)
class Run:
    """Proofs that `chosen` picks, run after `prefix`; their report is `file` in docs/proof/."""

    title: str
    file: str
    chosen: list[str]
    prefix: list[str] = field(default_factory=list)


RUNS = (
    Run("Proofs on SQLite", "sqlite.md", ["-k", "not planted"]),
    # Whether the verdicts see a planted bug does not depend on the database, nor on company: two at a time.
    Run("Planted bugs, on SQLite", "bugs.md", ["-k", "planted", "-n", "2", "--dist", "load"]),
    Run("Proofs on PostgreSQL and Redis", "postgresql.md", ["-k", "not planted"], SERVICES),
)
# What `make test` leaves to PostgreSQL alone is in it.
ON_SQLITE_TOO = [*TESTS, "--only-with-servers"]


def main() -> int:
    environment = {**os.environ, **COMPILED}
    failed = subprocess.run(ON_SQLITE_TOO, cwd=ROOT, env=environment).returncode != 0
    for run in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.xml"
            command = [*run.prefix, *PYTEST, *run.chosen, f"--junitxml={results}"]
            failed |= subprocess.run(command, cwd=ROOT, env=environment).returncode != 0
            if results.exists():
                write_report(run.title, run.file, results)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
