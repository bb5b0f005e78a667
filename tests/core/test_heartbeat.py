"""A role's sign of life, and what the container engine makes of it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TURN = "from core.heartbeat import still_turning; still_turning('bot')"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )


def is_well(folder: Path) -> bool:
    return python(folder, "deploy/health.py", "bot").returncode == 0


def marks(folder: Path) -> list[Path]:
    return list(folder.glob("shop-*-bot-alive"))


def test_a_role_that_turns_is_well(tmp_path):
    assert not is_well(tmp_path)
    python(tmp_path, "-c", TURN)
    assert is_well(tmp_path)


def test_a_role_that_is_silent_for_more_than_a_minute_is_ill(tmp_path):
    python(tmp_path, "-c", TURN)
    (mark,) = marks(tmp_path)
    os.utime(mark, (mark.stat().st_atime, mark.stat().st_mtime - 61))
    assert not is_well(tmp_path)


def test_a_role_that_cannot_write_its_sign_says_so_and_goes_on(tmp_path):
    python(tmp_path, "-c", TURN)
    (mark,) = marks(tmp_path)
    mark.unlink()
    mark.symlink_to(tmp_path / "missing" / "file")
    turned = python(tmp_path, "-c", TURN)
    assert (turned.returncode, "no sign of life from bot" in turned.stderr) == (0, True)
    assert not is_well(tmp_path)


def test_the_users_of_a_machine_have_signs_of_their_own(tmp_path):
    python(tmp_path, "-c", TURN)
    assert [mark.name for mark in marks(tmp_path)] == [f"shop-{os.getuid()}-bot-alive"]
