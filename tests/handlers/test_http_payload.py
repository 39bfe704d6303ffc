"""What `http.request` refuses when a job is asked for, by field and in words."""

import pytest
from pydantic import ValidationError

from pulse import services
from pulse.errors import InvalidPayload
from pulse.handlers.http_payload import HttpRequest

SCHEME = "the URL must begin with http:// or https://"
UNREADABLE = "the URL is not valid: its host, port or user part cannot be read"


def faults(**payload):
    with pytest.raises(ValidationError) as refusal:
        HttpRequest(**payload)
    return [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in refusal.value.errors()]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("javascript:alert(1)", SCHEME),
        ("example.com", SCHEME),
        ("http:example.com", SCHEME),
        ("", SCHEME),
        ("http://", UNREADABLE),
        ("http://example.com:99999/", UNREADABLE),
        ("http://example.com:port/", UNREADABLE),
        ("http://exa..mple.com/", UNREADABLE),
        ("http://" + "a" * 64 + ".com/", UNREADABLE),
        ("http://*.example.com/", UNREADABLE),
        (
            "http://example.com/a b",
            "the URL contains a space or a control character: write it as %20 or leave it out",
        ),
        (
            "http://example.com/a\r\nX: y",
            "the URL contains a space or a control character: write it as %20 or leave it out",
        ),
    ],
)
def test_a_url_that_cannot_be_requested_is_refused(url, message):
    assert faults(url=url) == [("url", message)]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000/", "127.0.0.1"),
        ("http://10.1.2.3/", "10.1.2.3"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://[::1]/", "[::1]"),
        ("http://localhost/", "localhost"),
        ("http://LOCALHOST/", "localhost"),
        ("http://db.localhost/", "db.localhost"),
        ("http://0.0.0.0/", "0.0.0.0"),
        ("http://ann:pw@192.168.1.1/", "192.168.1.1"),
        ("http://100.64.0.1/", "100.64.0.1"),
    ],
)
def test_a_private_address_is_refused_at_creation(url, host):
    message = f"'{host}' is a private address: set PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES to allow them"
    assert faults(url=url) == [("url", message)]


def test_a_private_address_is_taken_where_the_settings_allow_it(private_allowed):
    assert HttpRequest(url="http://127.0.0.1:8000/").url == "http://127.0.0.1:8000/"


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "HTTP://example.com/x", "https://ann:pw@example.com:8443/a?b=c", "http://bücher.example/",
     "http://93.184.216.34/", "http://[2606:2800:220:1::1]/", "http://under_score.example.com/"],
)  # fmt: skip
def test_public_urls_are_taken_as_they_are(url):
    assert HttpRequest(url=url).url == url


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"X-A": "b\r\nX-C: d"},
            "the value of header 'X-A' begins with a space or contains what a header cannot hold",
        ),
        ({"X A": "b"}, "'X A' is not a header name"),
        ({"": "b"}, "'' is not a header name"),
        ({"X-A\n": "b"}, "'X-A\\n' is not a header name"),
        ({"X-A": "b\n"}, "the value of header 'X-A' begins with a space or contains what a header cannot hold"),
        ({"X-A": " b"}, "the value of header 'X-A' begins with a space or contains what a header cannot hold"),
        ({"host": "internal"}, "header 'host' is set by the request itself: leave it out"),
        ({"Content-Length": "1"}, "header 'Content-Length' is set by the request itself: leave it out"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused(headers, message):
    assert faults(url="https://example.com", headers=headers) == [("headers", message)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("method", "TRACE"), ("method", "CONNECT"), ("timeout_s", 0), ("timeout_s", 301), ("max_bytes", 0),
     ("expected_status", 99), ("expected_status", [200, 600]), ("expected_status", []), ("verify", False)],
)  # fmt: skip
def test_values_out_of_range_and_unknown_fields_are_refused(field, value):
    assert {name.split(".")[0] for name, _ in faults(url="https://example.com", **{field: value})} == {field}


def test_methods_may_be_written_in_lower_case():
    assert HttpRequest(url="https://example.com", method="post").method == "POST"


def test_the_refusal_names_the_field_and_holds_no_secret():
    with pytest.raises(InvalidPayload) as refusal:
        services.validated_payload("http.request", {"url": "ftp://ann:hunter2@example.com"})
    assert refusal.value.message == f"the payload does not fit handler 'http.request': payload.url: {SCHEME}"
    with pytest.raises(ValidationError) as at_run_time:
        HttpRequest(url="ftp://ann:hunter2@example.com")
    assert "hunter2" not in str(at_run_time.value)
