"""Which address is whose, who may see the web UI, and under which policy."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

PAGE = '<meta name="pulse-user" content="__PULSE_USER__" />'


@pytest.fixture(autouse=True)
def built(settings: Settings, tmp_path: Path) -> Path:
    """A front end that was built to its one page."""
    settings.FRONTEND_DIST = tmp_path
    page = tmp_path / "index.html"
    page.write_text(PAGE)
    return page


@pytest.fixture
def member(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_user('ann"><script>'))
    return client


@pytest.mark.parametrize("path", ["/", "/schedules/SP_1", "/executions/PX_1?stage=read", "/made/up"])
def test_every_address_of_the_ui_is_its_one_page(member: Client, path: str) -> None:
    answer = member.get(path)
    assert answer.status_code == 200
    assert answer.content.decode() == '<meta name="pulse-user" content="ann&quot;&gt;&lt;script&gt;" />'
    assert "csrftoken" in answer.cookies
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/executions/PX_1?stage=read"])
def test_who_is_not_logged_in_is_asked_to(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=/")


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/pulse/nothing/", "/static/nothing.js", "/ws/nothing", "/metrics"]
)
def test_the_ui_never_answers_for_the_rest_of_the_server(member: Client, path: str) -> None:
    assert member.get(path).status_code == 404


def test_the_admin_stays_where_it_is(member: Client) -> None:
    answer = member.get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/admin/")


def test_the_page_is_only_read(member: Client) -> None:
    assert member.post("/").status_code == 405


def test_scripts_and_styles_come_from_files_of_this_server_only(member: Client) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in member.get("/").headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert {"script-src", "style-src", "connect-src"} & set(policy) == set()
    assert not any("unsafe" in sources for sources in policy.values())


def test_a_front_end_that_is_not_built_says_what_to_do(member: Client, built: Path) -> None:
    built.unlink()
    answer = member.get("/")
    assert answer.status_code == 503
    assert "npm run build" in answer.content.decode()


def test_the_login_leads_only_to_addresses_of_this_server(client: Client, db: None) -> None:
    User.objects.create_user("ann", password="a long password")
    form = {"username": "ann", "password": "a long password", "next": "https://evil.example/"}
    assert client.post("/login/", form).headers["Location"] == "/"
