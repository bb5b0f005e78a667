"""The environment is made once, and what stands in the way is said with the command to type."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose requirements are empty, so that nothing is fetched."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap.sh", tmp_path / "scripts")
    (tmp_path / "scripts" / "compile_locale.py").write_text("")
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def bootstrap(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(checkout / "scripts" / "bootstrap.sh")]
    everything = {**os.environ, **environment}
    return subprocess.run(command, env=everything, capture_output=True, text=True, timeout=100)


def test_only_what_changed_is_done_again(checkout):
    shim = checkout / "python3.12"
    shim.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    shim.chmod(0o755)
    # A name on the path with nothing behind it is passed over.
    first = bootstrap(checkout, PYTHON=f"{shim} python3")
    assert (first.returncode, "installing requirements.txt" in first.stdout) == (0, True), first.stderr
    again = bootstrap(checkout)
    assert (again.returncode, again.stdout) == (0, "")
    (checkout / "requirements.txt").write_text("# one more line\n")
    assert bootstrap(checkout).stdout == "-- installing requirements.txt\n"


def test_missing_python_is_said_in_a_sentence(checkout):
    done = bootstrap(checkout, PYTHON="python-of-nobody")
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert not (checkout / ".venv").exists()


def test_python_chosen_for_make_makes_the_environment(checkout):
    shutil.copy(ROOT / "Makefile", checkout)
    (checkout / "requirements-dev.txt").write_text("")
    chosen = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        ["make", "install"], cwd=checkout, env=chosen, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, "making .venv" in done.stdout) == (0, True), done.stderr
