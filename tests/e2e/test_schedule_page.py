"""The page of one schedule."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.api import Api

pytestmark = pytest.mark.browser

RUNS = 23  # more than a page of 20


@pytest.fixture
def busy(api: Api) -> str:
    """The id of a schedule that has run often enough for two pages."""
    made = api.schedule("Run often", "pulse.noop")
    for _ in range(RUNS - 1):
        api.post(f"schedules/{made['id']}/trigger/")
    api.wait_for_runs(made["id"], RUNS)
    return str(made["id"])


def test_executions_are_shown_a_page_at_a_time(page: Page, busy: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="Run often", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run often")
    rows, pages = page.locator("[data-execution]"), page.get_by_role("navigation", name="Pages")
    expect(pages).to_contain_text(f"1–20 of {RUNS}")
    expect(rows).to_have_count(20)
    pages.get_by_role("link", name="Older").click()
    expect(pages).to_contain_text(f"21–{RUNS} of {RUNS}")
    expect(rows).to_have_count(RUNS - 20)
    page.go_back()
    expect(pages).to_contain_text(f"1–20 of {RUNS}")


def test_a_new_execution_joins_the_first_page_and_the_count(page: Page, busy: str) -> None:
    page.goto(f"/schedules/{busy}")
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_contain_text(f"1–20 of {RUNS}")
    first = page.locator("[data-execution]").first
    before = first.get_attribute("data-execution") or ""
    page.get_by_role("button", name="Run Run often now").click()
    expect(pages).to_contain_text(f"1–20 of {RUNS + 1}")
    expect(first).not_to_have_attribute("data-execution", before)
    expect(first.locator("[data-status=completed]")).to_be_visible()


def test_a_schedule_is_deleted_in_two_steps(page: Page, api: Api) -> None:
    made = api.schedule("Not for long", "pulse.noop")
    page.goto(f"/schedules/{made['id']}")
    page.get_by_role("button", name="Delete the schedule").click()
    assert api.get(f"schedules/{made['id']}/")["state"] == "active"
    page.get_by_role("button", name="Confirm: Delete the schedule").click()
    expect(page).to_have_url(re.compile(r"/$"))
    expect(page.get_by_role("link", name="Not for long", exact=True)).to_have_count(0)


def test_a_second_step_not_taken_is_forgotten(page: Page, api: Api) -> None:
    made = api.schedule("Still here", "pulse.noop")
    page.goto(f"/schedules/{made['id']}")
    page.get_by_role("button", name="Delete the schedule").click()
    page.get_by_role("heading", level=1).click()
    expect(page.get_by_role("button", name="Confirm: Delete the schedule")).to_have_count(0)
    assert api.get(f"schedules/{made['id']}/")["state"] == "active"


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_is_wider_than_the_window(page: Page, api: Api, width: int) -> None:
    name = "A schedule with a name that goes on for longer than anybody would think reasonable"
    made = api.schedule(name, "examples.index_folder", pause_s=0)
    execution = api.wait_for_runs(made["id"], 1)[0]
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", f"/schedules/{made['id']}", f"/executions/{execution['id']}"):
        page.goto(path)
        page.locator("[data-status]").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, path
