"""Everything a change must pass: style, types, imports, files that deploy, tests on both databases.

Usage: python scripts/check.py [lint | tests | all]

Goes on after a failure, so that one run shows all there is to repair, and ends with a table of the steps.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SHELL_SCRIPTS = [".ci/run", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("scripts/*.sh")))]

# What a real installation would have, so that Django's deployment checks see what they are for.
PRODUCTION_LIKE = {
    "ENV_FILE": os.devnull,
    "DEPLOYMENT": "production",
    "SECRET_KEY": "check-only-" * 6,
    "ENCRYPTION_KEYS": "Y2hlY2stb25seS1jaGVjay1vbmx5LWNoZWNrLW9ubHk=",
    "INSTALLATION_ID": "00000000-0000-4000-8000-000000000002",
    "PUBLIC_BASE_URL": "https://shop.example.com",
    "TELEGRAM_BOT_TOKEN": "1000001:check-only-token",
    "DATABASE_URL": "sqlite:///:memory:",
}
# Five on two cores: tests wait for stand-ins and processes as much as they compute. A file
# goes to one process, where its tests share a demo or a browser, and in the order collected: long ones first.
PYTEST = [
    *(str(BIN / "pytest"), "-q", "-m", "not proof"),
    *("-n", "5", "--dist", "loadfile", "--no-loadscope-reorder"),
]
GIVING_WAY = ["nice", "-n", "5"]
# Where Python is told to keep no compiled code, each process a test starts would compile the shop anew.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
# PostgreSQL, as the stricter of the two, has whatever meets a database. What is rolled back says the same on
# SQLite; what commits does not, since that locks otherwise. `make proof` has all of it on SQLite too.
ON_SQLITE = ["--without-rolled-back", *(f"--ignore={path}" for path in ("tests/proof", "tests/stories"))]
# Once, on SQLite, for what meets no server, for what a browser shows, and for the words an app reads.
# The storm of trials is left to `make proof`: customers of that of money take trials, too.
ON_SERVERS = [
    "--only-with-servers",
    "--ignore=tests/proof/test_chaos.py",
    *(f"--ignore=tests/{path}" for path in ("sandbox", "ops", "subscriptions/browser")),
    *(f"--ignore=tests/subscriptions/{name}.py" for name in ("test_feed_choice", "test_feed_nodes")),
]


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *, quietly: bool = False, is_beside: bool = False) -> "Result":
        """Run the step. Its output is shown as it comes, or `quietly`, when it has ended.

        A step `is_beside` others gets the processor when these leave it.
        """
        began, heading = time.monotonic(), f"\n== {self.name}\n"
        if not quietly:
            sys.stdout.write(heading)
            sys.stdout.flush()
        command = [*GIVING_WAY, *self.command] if is_beside else self.command
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **COMPILED, **self.environment}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quietly else None,
            stderr=subprocess.STDOUT if quietly else None,
        )  # fmt: skip
        if quietly:
            sys.stdout.write(heading + done.stdout)
        return Result(self.name, done.returncode == 0, time.monotonic() - began)


@dataclass(frozen=True)
class Result:
    name: str
    passed: bool
    seconds: float


def lint_steps() -> Iterator[Step]:
    python, manage = sys.executable, [sys.executable, "manage.py"]
    # First, because it takes as long as all others.
    yield Step("types", [python, "-m", "mypy", "."])
    yield Step("ruff", [str(BIN / "ruff"), "check"])
    yield Step("ruff format", [str(BIN / "ruff"), "format", "--check"])
    yield Step("imports", [str(BIN / "lint-imports"), "--no-cache"])
    yield Step("migrations", [*manage, "makemigrations", "--check", "--dry-run"], PRODUCTION_LIKE)
    yield Step("deployment", [*manage, "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION_LIKE)
    yield Step("translations", [python, "scripts/compile_locale.py"])
    yield Step("Dockerfile", [str(BIN / "hadolint"), "Dockerfile"])
    yield Step("shell scripts", [str(BIN / "shellcheck"), *SHELL_SCRIPTS])
    yield Step(
        "compose file",
        [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"],
    )
    node = shutil.which("node")
    modules = [
        str(path) for path in sorted(ROOT.glob("sandbox/**/*.js")) + sorted(ROOT.glob("static/**/*.js"))
    ]
    if node and modules:
        check = f'for file in "$@"; do {node} --check --input-type=module - <"$file" || exit 1; done'
        yield Step("JavaScript", ["sh", "-c", check, "sh", *modules])


def test_steps() -> Iterator[Step]:
    services = [sys.executable, "scripts/services.py"]
    # First, and once: what is missing is said before minutes pass, and tests side by side do not install it.
    yield Step("PostgreSQL and Redis start", [*services, "true"])
    yield Step("tests on SQLite", [*PYTEST, *ON_SQLITE])
    yield Step("tests on PostgreSQL and Redis", [*services, *PYTEST, *ON_SERVERS])


def lint(*, is_beside: bool = False) -> Iterator[Result]:
    """Two at a time: each is one process that only computes. Beside the tests one at a time, giving way."""
    with ThreadPoolExecutor(1 if is_beside else 2) as side_by_side:
        yield from side_by_side.map(lambda step: step.run(quietly=True, is_beside=is_beside), lint_steps())


def tests() -> Iterator[Result]:
    for step in test_steps():
        yield step.run()


def everything() -> Iterator[Result]:
    """The tests, and what lint says as it ends: they leave the processor idle while they wait."""
    with ThreadPoolExecutor(1) as beside:
        linted = beside.submit(lambda: list(lint(is_beside=True)))
        tested = list(tests())
        yield from (*linted.result(), *tested)


KINDS = {"lint": lint, "tests": tests, "all": everything}


def main(wanted: str) -> int:
    results = list(KINDS[wanted]())
    width = max(len(result.name) for result in results)
    sys.stdout.write("\n")
    for result in results:
        word = "passed" if result.passed else "FAILED"
        sys.stdout.write(f"{word}  {result.name:<{width}}  {result.seconds:6.1f} s\n")
    return int(not all(result.passed for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "all"))
