"""Pytest plugin: a real Chromium for tests marked `browser`.

Without one they are skipped and the reason is said; with PULSE_REQUIRE_BROWSER=1 they fail instead.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.live import LiveStack

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "Chromium is not installed (Debian: apt-get install chromium): browser tests not run"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM or os.environ.get("PULSE_REQUIRE_BROWSER") == "1":
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Playwright keeps an event loop in this thread from here on, and Django is told not to mind."""
    if CHROMIUM is None:
        pytest.fail(MISSING)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox refuses root
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, live_stack: LiveStack) -> Iterator[Page]:
    """A fresh tab, logged in as the administrator of the live stack; paths are relative to it."""
    context = browser.new_context(base_url=live_stack.base_url)
    context.set_default_timeout(10_000)  # milliseconds
    context.add_cookies(
        [
            {"name": cookie.name, "value": cookie.value or "", "url": live_stack.base_url}
            for cookie in live_stack.session.cookies
        ]
    )
    yield context.new_page()
    context.close()
