"""Dockerfile and docker-compose.yml say nothing that the project does not have: no daemon is needed to know that."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from celery.bin.celery import celery
from click import Command
from django.core.management import get_commands
from uvicorn.main import main as uvicorn

from pulse_project.embedded import programs
from tests.live import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
RUNS_HERE = {
    "web": programs.web_command(8820),
    "worker": programs.worker_command(2),
    "beat": programs.beat_command(),
}


def options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("-")}


def known(command: Command) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def test_the_services_are_the_processes_of_the_design() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "valkey", "migrate", "web", "worker", "beat"}
    assert set(COMPOSE["volumes"]) == {"postgres", "valkey"}


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_a_container_runs_the_program_that_runs_here(name: str) -> None:
    def start(words: list[str]) -> list[str]:
        return [word for word in words[:4] if not word.startswith("-")]

    assert start(service(name)["command"])[:2] == start(RUNS_HERE[name])[:2]


@pytest.mark.parametrize(
    ("name", "command"),
    [("web", uvicorn), ("worker", celery.commands["worker"]), ("beat", celery.commands["beat"])],
)
def test_each_option_of_a_command_exists(name: str, command: Command) -> None:
    known_options = known(command) | known(celery)
    assert options(service(name)["command"]) <= known_options
    assert options(RUNS_HERE[name]) <= known_options


def test_the_migration_command_exists_and_comes_before_what_needs_its_tables() -> None:
    assert service("migrate")["command"][:3] == ["python", "manage.py", "migrate"]
    assert "migrate" in get_commands()
    for name in ("web", "worker", "beat"):
        assert service(name)["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_only_the_pages_are_published_and_only_on_loopback() -> None:
    published = {name: each["ports"] for name, each in COMPOSE["services"].items() if "ports" in each}
    assert published == {"web": ["127.0.0.1:8820:8820"]}


def test_no_secret_has_a_default() -> None:
    environment = service("web")["environment"]
    assert re.search(r"\$\{POSTGRES_PASSWORD:\?", environment["DATABASE_URL"])
    assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")


def test_the_image_copies_what_exists_and_all_apps() -> None:
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M) for word in line.split()[:-1]]
    assert [path for path in copied if not (PROJECT / path).exists()] == []
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(contracts["root_packages"]) <= set(copied)


def test_the_image_has_our_python_and_is_not_root() -> None:
    assert "FROM python:3.11-" in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["pulse"]
