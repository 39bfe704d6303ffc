"""Takes the pictures in docs/img/ of a Pulse of its own: `scripts/pictures`.

They look best where the fonts Inter and JetBrains Mono are installed (Debian: fonts-inter fonts-jetbrains-mono).
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import CHROMIUM, MISSING
from tests.e2e.api import Api
from tests.live import Up, log_in, login_of

PICTURES = Path(__file__).parents[2] / "docs" / "img"
DESKTOP, PHONE = (1280, 800), (360, 780)
HISTORY_S = 70  # so that every schedule has run, and most of them more than once


def set_the_scene(api: Api) -> None:
    """Schedules that do well, one that fails, one that is paused."""
    api.schedule("Ask a server that is down", "http.request", 45, url="http://127.0.0.1:9/", timeout_s=2)
    nightly = {"name": "Clear old sessions", "handler_name": "django.command", "cron": "30 2 * * 1-5"}
    made = api.post("schedules/", {**nightly, "payload": {"command": "clearsessions"}})
    api.post(f"schedules/{made['id']}/pause/", {"reason": "until the new disk is in"})
    api.schedule("Ask whether Pulse is healthy", "http.request", 15, url=api.root.replace("api/pulse", "healthz"))
    api.schedule("Add up the revenue", "examples.revenue_report", 20)
    api.schedule("Import the orders", "examples.csv_import", 30)
    api.schedule("Index the admin's templates", "examples.index_folder", 60, pause_s=0.3)


def opened(browser: Browser, up: Up, size: tuple[int, int], *, dark: bool = False) -> Page:
    context = browser.new_context(
        base_url=up.base_url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        device_scale_factor=2,
    )
    page = context.new_page()
    page.goto("/login/")
    username, password = login_of(up)
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    return page


def take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def open_a_run_under_way(page: Page) -> None:
    """One that has written part of its log."""
    page.goto("/")
    running = page.get_by_role("link").filter(has_text="Index the admin's templates")
    running.filter(has=page.locator("[data-status=running]")).first.click(timeout=90_000)
    expect(page.locator(".log-line").nth(14)).to_be_visible(timeout=30_000)
    expect(page.get_by_role("navigation", name="Where you are")).to_contain_text("Index the")


def take_all(browser: Browser, up: Up) -> None:
    for suffix, dark in (("", False), ("-dark", True)):
        page = opened(browser, up, DESKTOP, dark=dark)
        expect(page.locator(".execution [data-status=running]").first).to_be_visible(timeout=60_000)
        expect(page.get_by_role("progressbar").first).to_be_visible(timeout=60_000)
        take(page, f"schedules{suffix}")
        open_a_run_under_way(page)
        take(page, f"execution{suffix}")
        page.get_by_role("navigation", name="Where you are").get_by_role("link").last.click()
        expect(page.locator("[data-execution]").first).to_be_visible()
        take(page, f"schedule{suffix}")
    phone = opened(browser, up, PHONE)
    expect(phone.locator("[data-schedule]").first).to_be_visible()
    take(phone, "phone")


def main() -> None:
    if CHROMIUM is None:
        sys.exit(MISSING)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Up(Path(folder) / "data", PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES="1") as up,
    ):
        up.wait_until_ready()
        set_the_scene(Api(up.base_url, log_in(up.base_url, *login_of(up))))
        time.sleep(HISTORY_S)
        with sync_playwright() as playwright:
            options = ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox refuses root
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
            take_all(browser, up)
            browser.close()


if __name__ == "__main__":
    main()
