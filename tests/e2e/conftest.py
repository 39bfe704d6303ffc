"""Fixtures of the browser tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.e2e.api import Api
from tests.live import LiveStack

COMPLAINTS = ("error", "warning")


@pytest.fixture
def api(live_stack: LiveStack) -> Iterator[Api]:
    """The API as the administrator; the schedules that a test makes are deleted after it."""
    api = Api(live_stack.base_url, live_stack.session)
    yield api
    api.delete_schedules()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser finds wrong: errors, warnings, and what the content security policy blocks."""
    return listen(page.context)


@pytest.fixture(autouse=True)
def nothing_to_complain_about(request: pytest.FixtureRequest) -> Iterator[None]:
    """Holds every test here to it, except those that ask for `complaints` to judge for themselves."""
    judged_by_test = "complaints" in request.fixturenames
    complaints: list[str] = request.getfixturevalue("complaints")
    yield
    if not judged_by_test:
        assert complaints == []


def listen(context: BrowserContext) -> list[str]:
    """Blocked by the policy is an error on the console too, so this list is all there is."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in COMPLAINTS:
            complaints.append(f"{message.type}: {message.text}")

    context.on("console", on_console)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return complaints
