"""The documents keep up with the code: links lead somewhere, control calls and schedules are described."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django_celery_beat.models import PeriodicTask

from core.models import RetentionRule
from sandbox.server import SandboxServer

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]


def prose(document: Path) -> str:
    return re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(document):
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if not file.exists() or (anchor and anchor not in anchors(file)):
                lost.append(target)
    assert lost == []


def test_every_control_call_of_the_sandbox_is_described():
    described = set(re.findall(r"_emu/([a-z]+)", (ROOT / "docs" / "sandbox.md").read_text()))
    offered = set()
    for stand_in in SandboxServer(xui_ports=(0,)).stand_ins:
        for resource in stand_in.app().router.resources():
            offered |= set(re.findall(r"^/_emu/([a-z]+)", resource.canonical))
    assert offered - described == set()


def test_every_schedule_is_described(db):
    guide = (ROOT / "docs" / "operator.md").read_text()
    names = PeriodicTask.objects.exclude(task="celery.backend_cleanup").values_list("name", flat=True)
    assert [name for name in names if f"| {name} |" not in guide] == []


def test_every_retention_rule_is_described_with_its_days(db):
    guide = (ROOT / "docs" / "operator.md").read_text()
    rules = RetentionRule.objects.values_list("key", "days")
    assert [key for key, days in rules if f"| {key} | {days} |" not in guide] == []


def test_the_pictures_in_use_are_there_and_small():
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "screenshots").glob("*.png")}
    assert sizes and max(sizes.values()) < 300_000
