"""From the schedules page into an execution, and what is to be seen there."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.api import Api
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

FOLDER = {"app": "admin", "folder": "templates", "pause_s": 0.15}  # about 50 files, so about 8 seconds


def open_newest(page: Page, name: str) -> None:
    newest = page.get_by_role("region", name="Newest executions")
    newest.get_by_role("link").filter(has_text=name).first.click()
    expect(page).to_have_url(re.compile(r"/executions/PX_"))


def test_clicking_into_a_running_execution_shows_its_log_as_it_is_written(page: Page, api: Api) -> None:
    page.goto("/")
    made = api.schedule("Index the templates", "examples.index_folder", **FOLDER)
    open_newest(page, "Index the templates")
    status, lines = page.locator("h1 + [data-status]"), page.locator(".log-line")
    expect(status).to_have_text("running")
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    expect(lines.filter(has_text="admin/404.html").first).to_be_visible()
    seen = lines.count()
    expect(status).to_have_text("running")
    wait_for(lambda: lines.count() > seen + 5)
    expect(status).to_have_text("running")

    expect(status).to_have_text("completed", timeout=30_000)
    expect(page.locator(".result")).to_contain_text("files indexed")
    execution = api.executions(made["id"])[0]
    log = api.get(f"executions/{execution['id']}/lines/?limit=1000")
    expect(lines).to_have_count(log["total_count"])
    assert page.locator(".log-message").all_inner_texts() == [line["message"] for line in log["logs"]]
    expect(page.locator(".log-count")).to_have_text(f"{log['total_count']} of {log['total_count']}")


def test_a_stage_a_task_and_a_text_narrow_the_log_and_stay_in_the_address(page: Page, api: Api) -> None:
    made = api.schedule("Index quickly", "examples.index_folder", **{**FOLDER, "pause_s": 0})
    execution = api.wait_for_runs(made["id"], 1)[0]
    page.goto(f"/executions/{execution['id']}")
    lines, stages = page.locator(".log-line"), page.get_by_role("region", name="Stages")
    stages.get_by_role("button", name="finding").click()
    expect(lines).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?stage=finding$"))
    stages.get_by_role("button", name="indexing").first.click()
    stages.get_by_role("button", name="admin/404.html").click()
    expect(lines).to_have_count(1)
    page.reload()
    expect(lines).to_have_count(1)
    page.get_by_role("button", name="indexing › admin/404.html").click()
    page.get_by_role("searchbox", name="Find in messages").fill("BYTES")
    expect(page.locator(".log-line mark").first).to_have_text("bytes")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_label("Level").select_option("error")
    expect(page.get_by_text("No line passes the filter")).to_be_visible()


def test_a_running_job_is_cancelled_in_two_steps(page: Page, api: Api) -> None:
    page.goto("/")
    made = api.schedule("Sleep too long", "pulse.sleep", seconds=60)
    open_newest(page, "Sleep too long")
    cancel = page.get_by_role("button", name="Cancel the job")
    cancel.click()
    assert api.executions(made["id"])[0]["status"] == "running"
    confirm = page.get_by_role("button", name="Confirm: Cancel the job")
    expect(confirm).to_be_focused()
    confirm.click()
    expect(page.locator("h1 + [data-status]")).to_have_text("failed")
    expect(page.locator(".error-box")).to_contain_text("cancelled")
    expect(cancel).to_have_count(0)


def test_the_log_is_downloaded_as_text(page: Page, api: Api) -> None:
    made = api.schedule("Leave a line", "pulse.sleep", seconds=0)
    execution = api.wait_for_runs(made["id"], 1)[0]
    page.goto(f"/executions/{execution['id']}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{execution['id']}.log"
    assert "pulse.sleep" in download.value.path().read_text()


def test_an_execution_that_does_not_exist_says_so(page: Page, complaints: list[str]) -> None:
    page.goto("/executions/PX_aaaaaaaaaaaaaaaa_1733450123")
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.get_by_role("button", name="Try again").first).to_be_visible()
    assert all("404 (Not Found)" in complaint for complaint in complaints)
