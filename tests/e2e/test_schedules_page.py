"""The first page: schedules and the newest executions, live."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.api import Api

pytestmark = pytest.mark.browser


def schedule_row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name))


def newest(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name="Newest executions").get_by_role("link").filter(has_text=name)


@pytest.fixture
def loads(page: Page) -> list[str]:
    """Every time that a document was loaded."""
    seen: list[str] = []
    page.on("load", lambda _: seen.append(page.url))
    return seen


def test_a_schedule_that_is_made_elsewhere_appears_fires_and_completes_by_itself(
    page: Page, api: Api, loads: list[str]
) -> None:
    page.goto("/")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    made = api.schedule("Nap for a second", "pulse.sleep", every_s=4, seconds=1)
    row = schedule_row(page, "Nap for a second")
    expect(row).to_contain_text("every 4 seconds")
    expect(row.locator("[data-status=active]")).to_be_visible()
    expect(newest(page, "Nap for a second").first).to_be_visible()
    expect(newest(page, "Nap for a second").locator("[data-status=completed]")).not_to_have_count(0)
    expect(newest(page, "Nap for a second").first).to_contain_text("slept 1 s")
    expect(newest(page, "Nap for a second")).to_have_count(3, timeout=15_000)
    assert len(api.executions(made["id"])) >= 3
    assert len(loads) == 1


def test_a_running_execution_ticks_and_shows_how_far_it_is(page: Page, api: Api) -> None:
    page.goto("/")
    api.schedule("Sleep a while", "pulse.sleep", seconds=8)
    item = newest(page, "Sleep a while")
    expect(item.locator("[data-status=running]")).to_be_visible()
    expect(item).to_contain_text("of 8")
    expect(item.locator(".duration")).to_have_text("2s")
    expect(item.locator(".duration")).to_have_text("3s")
    expect(item.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")


def test_a_failure_says_why_in_red_with_a_word_and_a_shape(page: Page, api: Api) -> None:
    page.goto("/")
    api.schedule("Ask a closed port", "http.request", url="http://127.0.0.1:9/", timeout_s=1)
    badge = newest(page, "Ask a closed port").last.locator("[data-status=failed]")
    expect(badge).to_have_text("failed")
    expect(badge.locator("svg")).to_be_visible()
    expect(badge).to_have_css("color", "rgb(179, 38, 30)")
    expect(newest(page, "Ask a closed port").last.locator(".told-error")).not_to_be_empty()


def test_a_schedule_is_paused_resumed_and_run_from_its_row_without_losing_focus(page: Page, api: Api) -> None:
    made = api.schedule("Do nothing", "pulse.noop")
    api.wait_for_runs(made["id"], 1)
    page.goto("/")
    row = schedule_row(page, "Do nothing")
    row.get_by_role("button", name="Pause").click()
    expect(row.locator("[data-status=paused]")).to_be_visible()
    assert api.get(f"schedules/{made['id']}/")["state"] == "paused"
    row.get_by_role("button", name="Resume").click()
    expect(row.locator("[data-status=active]")).to_be_visible()
    run_now = row.get_by_role("button", name="Run Do nothing now")
    run_now.click()
    api.wait_for_runs(made["id"], 2)
    expect(newest(page, "Do nothing").locator("[data-status=completed]")).to_have_count(2)
    expect(run_now).to_be_focused()


def test_an_action_that_fails_says_what_and_why(page: Page, api: Api, complaints: list[str]) -> None:
    made = api.schedule("Soon out of reach", "pulse.noop")
    api.wait_for_runs(made["id"], 1)
    page.goto("/")
    row = schedule_row(page, "Soon out of reach")
    expect(row).to_be_visible()
    page.context.set_offline(True)
    row.get_by_role("button", name="Pause").click()
    toast = page.get_by_role("alert")
    expect(toast).to_contain_text("Soon out of reach was not paused")
    expect(toast).to_contain_text("Pulse did not answer.")
    page.context.set_offline(False)
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_be_empty()
    assert all("net::ERR_INTERNET_DISCONNECTED" in complaint for complaint in complaints)


def test_a_deleted_schedule_leaves_the_page(page: Page, api: Api) -> None:
    api.schedule("Here today", "pulse.noop")
    page.goto("/")
    expect(schedule_row(page, "Here today")).to_be_visible()
    api.delete_schedules()
    expect(schedule_row(page, "Here today")).to_have_count(0)
