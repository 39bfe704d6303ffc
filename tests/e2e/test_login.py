"""Who may see the pages, and how they get in and out."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import listen
from tests.live import LiveStack

pytestmark = pytest.mark.browser


def test_a_stranger_logs_in_arrives_where_they_wanted_to_and_logs_out(
    browser: Browser, live_stack: LiveStack
) -> None:
    context = browser.new_context(base_url=live_stack.base_url)
    complaints = listen(context)
    page = context.new_page()
    page.goto("/schedules/SP_gone?page=2")
    page.get_by_label("User name").fill(live_stack.username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("enter a correct username and password")
    page.get_by_label("Password").fill(live_stack.password)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{live_stack.base_url}/schedules/SP_gone?page=2")
    expect(page.get_by_text(live_stack.username, exact=True)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{live_stack.base_url}/login/")
    page.goto("/")
    expect(page).to_have_url(f"{live_stack.base_url}/login/?next=/")
    assert [complaint for complaint in complaints if "404 (Not Found)" not in complaint] == []
    context.close()


def test_an_ended_session_leads_back_to_the_login(page: Page, live_stack: LiveStack, complaints: list[str]) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Log out").wait_for()
    page.reload()
    expect(page).to_have_url(f"{live_stack.base_url}/login/?next=/")
    assert complaints == []
