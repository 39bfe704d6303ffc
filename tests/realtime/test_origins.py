import pytest
from pytest_django import Settings

from pulse.origins import is_ours


@pytest.fixture(autouse=True)
def hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["pulse.example", "127.0.0.1", "[::1]", ".wild.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://friend.example"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8820", "127.0.0.1:8820"),
        ("http://[::1]:8820", "[::1]:8820"),
        ("https://pulse.example", "pulse.example"),
        ("https://pulse.example", "pulse.example:443"),
        ("http://pulse.example:80", "pulse.example"),
        ("http://PULSE.example", "pulse.EXAMPLE"),
        ("https://a.wild.example", "a.wild.example"),
        ("https://friend.example", "pulse.example"),
    ],
)
def test_a_page_of_the_same_host_and_port_or_of_a_trusted_origin_may_connect(origin: str, host: str) -> None:
    assert is_ours(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:9999", "127.0.0.1:8820"),
        ("http://127.0.0.1", "127.0.0.1:8820"),
        ("http://evil.example", "127.0.0.1:8820"),
        ("http://evil.example", "evil.example"),  # a foreign name that points at us
        ("http://127.0.0.1.evil.example:8820", "127.0.0.1:8820"),
        ("http://127.0.0.1:8820@evil.example", "127.0.0.1:8820"),
        ("ftp://pulse.example", "pulse.example"),
        ("file://", ""),
        ("http://[", "["),
        ("http://pulse.example:x", "pulse.example:x"),
        ("null", "pulse.example"),
        ("", "pulse.example"),
        ("", ""),
        ("http://friend.example", "pulse.example"),
    ],
)
def test_any_other_page_may_not(origin: str, host: str) -> None:
    assert not is_ours(origin, host)
