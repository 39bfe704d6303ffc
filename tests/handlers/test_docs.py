"""docs/handlers.md: every block of code runs and does what the page says, and the page leaves nothing out."""

import json
import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User

from pulse import engine, services, tasks
from pulse.handlers.http_payload import HttpRequest
from pulse.models import Job
from pulse.registry import Handler, registry
from pulse.run import Run
from schedules.models import Schedule

PAGE = Path(settings.BASE_DIR, "docs", "handlers.md")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
JSON = [json.loads(code) for language, code in BLOCKS if language == "json"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def page():
    """The names that the page's Python blocks define, run in their order."""
    before = set(registry.names())
    names = {"__name__": "shop.handlers"}
    for language, code in BLOCKS:
        if language == "python":
            exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102  it is our own page
    added = set(registry.names()) - before
    for name in added:
        tasks.register(registry.get(name))
    yield SimpleNamespace(**names)
    for name in added:
        registry.remove(name)
        current_app.tasks.pop(name)


@pytest.fixture
def invoices():
    """The Celery task that the page speaks of."""

    def send_invoices(month: str, draft: bool) -> str:
        return f"{month} {draft}"

    task = current_app.task(name="shop.send_invoices")(send_invoices)
    yield task.name
    current_app.tasks.pop(task.name)


def perform(job):
    engine.perform(job.pk, worker_id="test")
    job.refresh_from_db()
    return job


def ended(name, payload):
    job = perform(services.enqueue(name, payload))
    return job.status, job.failures, job.result_summary or job.error_message


def test_the_page_has_only_blocks_that_this_test_runs():
    assert {language for language, _ in BLOCKS} == {"python", "json"}
    assert len(re.findall(r"^```", PAGE.read_text(), re.M)) == 2 * len(BLOCKS)


def test_the_pages_own_test_passes(page):
    page.test_reminders_are_sent()


def test_asking_once_and_later_does_what_it_says(page):
    assert (page.job.handler_name, page.later.status) == ("shop.send_reminders", "queued")
    assert engine.perform(page.later.pk, worker_id="test") is None


@pytest.mark.parametrize(
    ("card", "outcome"),
    [
        ("4242", ("completed", 0, "charged")),
        ("4000", ("failed", 1, "the card was declined")),
        ("4001", ("queued", 0, "the provider is busy")),
    ],
)
def test_what_is_raised_decides_what_follows(page, card, outcome):
    assert ended("shop.charge", {"card": card}) == outcome


def test_the_second_try_goes_on_where_the_first_one_stopped(page):
    job = perform(services.enqueue("shop.renumber"))
    assert (job.status, job.failures, job.error_message) == ("queued", 1, "the network went away")
    Job.objects.filter(pk=job.pk).update(run_at=None)
    assert perform(job).result_summary == "renumbered 800 rows"


def test_the_parent_is_called_again_when_its_children_have_ended(page):
    parent = perform(services.enqueue("shop.mailing", {"recipients": ["4242", "4000"]}))
    assert (parent.status, parent.pause_reason) == ("paused", "waiting_for_children")
    for child in services.children_of(parent.pk):
        perform(child)
    assert perform(parent).result_summary == "1 of 2 done"


@pytest.mark.parametrize("body", JSON, ids=lambda body: f"{body['handler_name']} {'cron' in body}")
def test_every_request_of_the_page_is_accepted(page, invoices, client, body):
    client.force_login(User.objects.create_superuser("ann"))
    address = "/api/pulse/schedules/" if "cron" in body else "/api/pulse/jobs/"
    answer = client.post(address, body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    made = Schedule if "cron" in body else Job
    assert made.objects.get(pk=answer.json()["id"]).payload == body.get("payload", {})


def test_the_requests_that_need_no_network_also_run(page, invoices):
    bodies = [body for body in JSON if body["handler_name"] in ("celery.task", "pulse.sleep", "pulse.noop")]
    outcomes = {body["handler_name"]: ended(body["handler_name"], body.get("payload")) for body in bodies}
    assert outcomes == {
        "celery.task": ("completed", 0, "shop.send_invoices returned '2025-03 True'"),
        "pulse.sleep": ("completed", 0, "slept 2.5 s"),
        "pulse.noop": ("completed", 0, ""),
    }


def documented(first_cell):
    """Names in backticks in the first column of the page's tables."""
    return {
        name for cell in re.findall(r"^\| (.*?) \|", PAGE.read_text(), re.M) for name in re.findall(first_cell, cell)
    }


def test_the_page_names_every_option_of_the_decorator():
    options = {field.name for field in fields(Handler)} - {"name", "function", "place"}
    assert documented(r"^`(\w+)`$") == options


def test_the_page_names_everything_a_run_offers():
    offers = {name for name in dir(Run) if not name.startswith("_")} | {"payload", "log"}
    assert documented(r"run\.(\w+)") == offers


def test_the_page_names_every_handler_and_every_field_of_a_request():
    text = PAGE.read_text()
    built_in = [handler.name for handler in registry if "/pulse/handlers/" in handler.place]
    assert [name for name in built_in if f"**`{name}`**" not in text] == []
    assert len(built_in) == 5
    (request,) = [body["payload"] for body in JSON if body["handler_name"] == "http.request"]
    assert set(request) == set(HttpRequest.model_fields)
