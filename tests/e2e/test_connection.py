"""Losing the connection, and what happened meanwhile."""

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.api import Api
from tests.e2e.conftest import listen
from tests.live import Up, log_in, login_of

pytestmark = pytest.mark.browser


def test_a_page_that_lost_its_server_catches_up_by_itself(browser: Browser, tmp_path: Path) -> None:
    with Up(tmp_path / "data") as up:
        up.wait_until_ready()
        session = log_in(up.base_url, *login_of(up))
        api = Api(up.base_url, session)
        made = api.schedule("Keep going", "pulse.sleep", every_s=3600, seconds=6)
        context = browser.new_context(base_url=up.base_url)
        complaints = listen(context)
        context.add_cookies(
            [{"name": cookie.name, "value": cookie.value or "", "url": up.base_url} for cookie in session.cookies]
        )
        page = context.new_page()
        page.goto("/")
        newest = page.get_by_role("region", name="Newest executions")
        expect(newest.locator("[data-status=running]")).to_be_visible()
        loaded = page.evaluate("performance.timeOrigin")

        os.kill(up.process("uvicorn").pid, signal.SIGKILL)
        expect(page.get_by_text("Reconnecting in")).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=30_000)
        expect(newest.locator("[data-status=completed]")).to_be_visible(timeout=15_000)
        assert page.evaluate("performance.timeOrigin") == loaded
        assert api.executions(made["id"])[0]["status"] == "completed"
        assert all("WebSocket" in complaint for complaint in complaints), complaints
        context.close()
