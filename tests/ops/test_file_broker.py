"""The file broker survives files that a killed process left half-written."""

from pathlib import Path

import pytest
from kombu import Connection

from vpnservice import file_broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path


@pytest.fixture
def queue(folder: Path, request):
    """Return a function that opens a queue as a process does at its start; kombu remembers names for ever."""
    file_broker.use()
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder / "control"}
    with Connection("filesystem://", transport_options=options) as connection:
        yield lambda: connection.SimpleQueue(request.node.name)


def test_message_passes_and_leaves_no_file(queue, folder):
    jobs = queue()
    jobs.put({"task": 1})
    assert jobs.get(timeout=2).payload == {"task": 1}
    assert not list(folder.glob("*.msg*"))


def test_empty_message_is_passed_over(queue, folder, request):
    jobs = queue()
    (folder / f"0_killed-half-way.{request.node.name}.msg").touch()
    jobs.put({"task": 2})
    assert jobs.get(timeout=5).payload == {"task": 2}


def test_empty_list_of_queues_is_made_anew(queue, folder, request):
    (folder / "control" / f"{request.node.name}.exchange").touch()
    jobs = queue()
    jobs.put({"task": 3})
    assert jobs.get(timeout=2).payload == {"task": 3}
