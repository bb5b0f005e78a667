"""What is shipped is what the code needs: requirements, image, compose file."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = set(LAYOUT["tool"]["importlinter"]["root_packages"])
SHOP = PACKAGES - {"sandbox"}
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text().split()
    return {normal(re.split(r"[\[=]", line)[0]) for line in lines}


def imported_modules() -> set[str]:
    found: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.split(".")[0])
    return found - PACKAGES - set(sys.stdlib_module_names)


def test_every_requirement_is_pinned():
    for line in (ROOT / "requirements.txt").read_text().split():
        assert re.fullmatch(r"[a-z0-9-]+(\[[a-z,]+\])?==[\w.]+", line), line


def test_every_import_is_a_requirement():
    distributions = packages_distributions()
    missing = {
        module
        for module in imported_modules()
        if not required() & {normal(name) for name in distributions.get(module, [])}
    }
    assert missing == set()


def test_every_room_is_in_the_image():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept >= SHOP
    assert not {"sandbox", "tests", ".env"} & kept


def test_image_does_not_run_as_root():
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    users = re.findall(r"^USER (\S+)", stages[-1], flags=re.MULTILINE)
    assert users
    assert users[-1].split(":")[0] not in ("root", "0")


def test_compose_runs_every_role_with_a_health_check():
    image_checks_web = "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    for role in ("web", "bot", "worker", "beat", "postgres", "redis"):
        service = COMPOSE["services"][role]
        assert service["restart"] == "unless-stopped"
        assert "test" in service.get("healthcheck", {}) or (role == "web" and image_checks_web)


def test_compose_starts_roles_only_after_the_migration():
    for role in ("web", "bot", "worker", "beat"):
        waits_for = COMPOSE["services"][role]["depends_on"]["migrate"]
        assert waits_for == {"condition": "service_completed_successfully"}


def test_compose_publishes_nothing_to_the_network():
    for service in COMPOSE["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_compose_asks_only_for_documented_keys():
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "deploy" / "compose.yaml").read_text()))
    documented = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert asked <= documented
