"""`http.request` against a real server: what an answer means for the job, and what the log says."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from pulse import clock
from pulse.handlers import http_request
from tests.handlers.conftest import PublicLoopback

pytestmark = pytest.mark.usefixtures("private_allowed")


def messages(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "pulse.run"]


def ended(job):
    return job.status, job.error_code, job.error_message


def test_an_answer_completes_the_job_and_the_summary_says_status_time_and_size(perform, http_server):
    job = perform("http.request", {"url": http_server.url("/bytes/5120")})
    assert job.status == "completed"
    words = job.result_summary.split()
    assert [words[0], words[1], words[2], words[4], words[5], words[6]] == [
        "200",
        "OK",
        "in",
        "ms,",
        "5,120",
        "bytes",
    ]
    assert 0 <= int(words[3]) < 5000
    assert (job.progress_current, job.progress_total, job.stage) == (5120, 5120, "read")


def test_the_log_tells_the_request_and_the_answer(perform, http_server, caplog):
    perform("http.request", {"url": http_server.url("/bytes/12"), "headers": {"Accept": "text/plain"}})
    first, headers, status, read = messages(caplog)
    assert first == f"GET {http_server.url('/bytes/12')}"
    assert headers == "Headers: {'Accept': 'text/plain'}; body: 0 bytes"
    assert status.startswith("200 OK after ")
    assert read == "Read 12 bytes of text/plain"


def test_method_headers_and_text_are_sent_as_given(perform, http_server):
    perform(
        "http.request",
        {"url": http_server.url("/echo"), "method": "PUT", "headers": {"X-Shop": "7"}, "body": "grün"},
    )
    (seen,) = http_server.seen
    assert (seen.method, seen.headers["x-shop"], seen.body.decode()) == ("PUT", "7", "grün")
    assert seen.headers["user-agent"] == "Pulse"


def test_an_object_is_sent_as_json(perform, http_server):
    perform("http.request", {"url": http_server.url("/echo"), "method": "POST", "body": {"a": [1, None]}})
    (seen,) = http_server.seen
    assert (seen.headers["content-type"], seen.body) == ("application/json", b'{"a": [1, null]}')


def test_the_given_content_type_of_an_object_is_kept(perform, http_server):
    headers = {"content-type": "application/vnd.api+json"}
    perform("http.request", {"url": http_server.url("/echo"), "method": "POST", "body": [], "headers": headers})
    (seen,) = http_server.seen
    assert (seen.headers["content-type"], seen.body) == ("application/vnd.api+json", b"[]")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_server(perform, http_server, method):
    job = perform("http.request", {"url": http_server.url("/status/200"), "method": method})
    assert (job.status, http_server.seen[0].method) == ("completed", method)
    assert job.result_summary.endswith("0 bytes" if method == "HEAD" else "10 bytes")


@pytest.mark.parametrize("path", ["/chunked/70000", "/gzip/70000", "/bytes/70000"])
def test_a_body_is_counted_as_it_is_decoded(perform, http_server, path):
    job = perform("http.request", {"url": http_server.url(path)})
    assert job.result_summary.endswith(" 70,000 bytes")
    known = 70_000 if path == "/bytes/70000" else None  # the length of a compressed body says nothing of ours
    assert (job.progress_current, job.progress_total) == (70_000, known)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "validation_error"), (401, "auth_error"), (403, "auth_error"), (404, "file_not_found"),
     (409, "validation_error"), (410, "file_not_found"), (422, "validation_error"), (302, "validation_error")],
)  # fmt: skip
def test_an_answer_that_will_not_change_fails_the_job_at_once(perform, http_server, status, code):
    job = perform("http.request", {"url": http_server.url(f"/status/{status}")})
    assert (job.status, job.error_code) == ("failed", code)
    assert job.error_message.startswith(f"{status} ")
    assert job.error_message.endswith(", expected any 2xx")


@pytest.mark.parametrize(
    ("status", "code"),
    [(408, "timeout"), (429, "rate_limited"), (500, "network_error"), (502, "network_error"),
     (503, "network_error"), (504, "timeout"), (599, "network_error")],
)  # fmt: skip
def test_an_answer_that_may_change_is_asked_for_again_and_uses_a_try(perform, http_server, status, code):
    job = perform("http.request", {"url": http_server.url(f"/status/{status}")})
    assert (job.status, job.error_code, job.failures) == ("queued", code, 1)


@pytest.mark.parametrize(("status", "value", "wait_s"), [(429, "7", 7), (503, "120", 120), (429, "0", 1),
                                                        (429, "9" * 400, 86400)])  # fmt: skip
def test_retry_after_is_honoured_and_uses_no_try(perform, http_server, status, value, wait_s):
    before = clock.now()
    job = perform("http.request", {"url": http_server.url(f"/retry-after/{status}?value={value}")})
    assert (job.status, job.error_code, job.failures) == ("queued", "rate_limited", 0)
    assert wait_s <= (job.run_at - before).total_seconds() < wait_s + 10


def test_retry_after_may_be_a_date(perform, http_server):
    before = clock.now()
    date = format_datetime(before + timedelta(seconds=90), usegmt=True).replace(" ", "%20")
    job = perform("http.request", {"url": http_server.url(f"/retry-after/503?value={date}")})
    assert (job.status, job.failures) == ("queued", 0)
    assert 85 <= (job.run_at - before).total_seconds() <= 95


@pytest.mark.parametrize("value", ["soon", "-5", "", "Mon,%2099%20Foo%202026%2000:00:00%20GMT"])
def test_a_retry_after_that_cannot_be_read_counts_as_none(perform, http_server, value):
    job = perform("http.request", {"url": http_server.url(f"/retry-after/429?value={value}")})
    assert (job.status, job.failures) == ("queued", 1)


@pytest.mark.parametrize("expected", [404, [200, 404]])
def test_an_expected_status_is_a_success_whatever_it_is(perform, http_server, expected):
    job = perform("http.request", {"url": http_server.url("/status/404"), "expected_status": expected})
    assert job.status == "completed"
    assert job.result_summary.startswith("404 Not Found in ")


def test_a_2xx_that_was_not_expected_fails(perform, http_server):
    job = perform("http.request", {"url": http_server.url("/status/200"), "expected_status": [201, 204]})
    assert ended(job) == ("failed", "validation_error", "200 OK, expected 201 or 204")


def test_the_log_shows_how_an_unwelcome_answer_begins(perform, http_server, caplog):
    perform("http.request", {"url": http_server.url("/status/422")})
    assert messages(caplog)[-1] == "The answer begins: status 422"


def test_a_redirect_is_not_followed_unless_wanted(perform, http_server):
    job = perform("http.request", {"url": http_server.url("/redirect/1")})
    assert ended(job) == ("failed", "validation_error", "302 Found, expected any 2xx")
    assert [seen.path for seen in http_server.seen] == ["/redirect/1"]


def test_up_to_five_redirects_are_followed(perform, http_server, caplog):
    job = perform("http.request", {"url": http_server.url("/redirect/5"), "follow_redirects": True})
    assert job.status == "completed"
    assert len(http_server.seen) == 6
    assert f"302 Found: on to GET {http_server.url('/status/200')}" in messages(caplog)


def test_six_redirects_are_too_many(perform, http_server):
    job = perform("http.request", {"url": http_server.url("/redirect/6"), "follow_redirects": True})
    last = f"more than 5 redirects, the last to {http_server.url('/status/200')}"
    assert ended(job) == ("failed", "validation_error", last)


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [(301, "POST", "GET", b""), (302, "POST", "GET", b""), (303, "PUT", "GET", b""), (303, "HEAD", "HEAD", b""),
     (307, "POST", "POST", b"x"), (308, "PUT", "PUT", b"x"), (301, "PUT", "PUT", b"x")],
)  # fmt: skip
def test_a_redirect_keeps_or_changes_the_method_as_browsers_do(perform, http_server, status, method, then, body):
    path = f"/redirect-to?status={status}&url=/echo"
    sent = {"method": method, "body": None if method == "HEAD" else "x", "headers": {"Content-Type": "text/x"}}
    url = http_server.url(path)
    assert perform("http.request", {"url": url, **sent, "follow_redirects": True}).status == "completed"
    second = http_server.seen[1]
    assert (second.method, second.body) == (then, body)
    assert ("content-type" in second.headers) == (method == then)


def test_a_redirect_away_from_http_is_refused(perform, http_server):
    path = "/redirect-to?url=file:///etc/passwd"
    job = perform("http.request", {"url": http_server.url(path), "follow_redirects": True})
    assert job.status == "failed"
    assert job.error_message.endswith("redirects to something that is neither http nor https")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://[nonsense/", "redirects to something that is no URL"),
        ("http://example.com:99999/", "cannot be requested: its URL or a header is not valid"),
        (f"http://{'a' * 64}.com/", "cannot be requested: its URL or a header is not valid"),
        ("http://*.example.com/", "cannot be requested: its URL or a header is not valid"),
    ],
)
@pytest.mark.parametrize("is_filtered", [True, False])
def test_a_redirect_to_nonsense_fails_for_good(perform, http_server, monkeypatch, target, message, is_filtered):
    monkeypatch.setattr(http_request, "open_session", lambda timeout_s: PublicLoopback(is_filtered=is_filtered))
    job = perform("http.request", {"url": http_server.url(f"/redirect-to?url={target}"), "follow_redirects": True})
    assert (job.status, job.error_code) == ("failed", "validation_error")
    assert job.error_message.endswith(message)


def test_secrets_are_not_carried_to_another_origin(perform, http_server):
    elsewhere = f"http://localhost:{http_server.port}/echo"
    job = perform(
        "http.request",
        {
            "url": http_server.url(f"/redirect-to?status=307&url={elsewhere}").replace("//", "//ann:hunter2@", 1),
            "headers": {"X-Api-Key": "k3y", "Accept": "text/x"},
            "follow_redirects": True,
        },
    )
    assert job.status == "completed"
    first, second = http_server.seen
    assert (first.headers["x-api-key"], first.headers["authorization"]) == ("k3y", "Basic YW5uOmh1bnRlcjI=")
    assert second.headers["accept"] == "text/x"
    assert "x-api-key" not in second.headers
    assert "authorization" not in second.headers


def test_an_answer_that_is_announced_as_too_large_is_not_read(perform, http_server):
    url = http_server.url("/bytes/1001")
    job = perform("http.request", {"url": url, "max_bytes": 1000})
    message = f"the answer of {url} is larger than the 1,000 bytes allowed"
    assert ended(job) == ("failed", "validation_error", message)
    assert perform("http.request", {"url": http_server.url("/bytes/1000"), "max_bytes": 1000}).status == "completed"


@pytest.mark.parametrize("path", ["/endless", "/gzip/300000", "/chunked/300000"])
def test_an_answer_that_grows_too_large_is_not_read_on(perform, http_server, path):
    job = perform("http.request", {"url": http_server.url(path), "max_bytes": 200_000})
    assert job.status == "failed"
    assert job.error_message.endswith("is larger than the 200,000 bytes allowed")
    assert job.progress_current <= 200_000


@pytest.mark.parametrize("follow", [True, False])
def test_the_endless_body_of_a_redirect_is_not_read(perform, http_server, follow):
    job = perform("http.request", {"url": http_server.url("/endless-redirect"), "follow_redirects": follow})
    assert job.status == ("completed" if follow else "failed")


@pytest.mark.parametrize("path", ["/delay/30", "/drip/1000"])
def test_an_answer_that_takes_too_long_is_a_timeout_also_when_it_drips(perform, http_server, path):
    url = http_server.url(path)
    begun = clock.now()
    job = perform("http.request", {"url": url, "timeout_s": 0.5})
    assert (job.status, job.error_code, job.failures) == ("queued", "timeout", 1)
    assert job.error_message.startswith(f"{url} did not answer ")
    assert job.error_message.endswith("within 0.5 s")
    assert (clock.now() - begun).total_seconds() < 3


@pytest.mark.parametrize("path", ["/truncated", "/hangup"])
def test_a_connection_that_breaks_is_a_network_error(perform, http_server, path):
    url = http_server.url(path)
    job = perform("http.request", {"url": url})
    assert (job.status, job.error_code) == ("queued", "network_error")
    assert job.error_message.startswith(f"the connection to {url} failed: ")


def test_a_port_where_nobody_listens_is_a_network_error(perform, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}/"
    job = perform("http.request", {"url": url})
    message = f"the connection to {url} failed: [Errno 111] Connection refused"
    assert ended(job) == ("queued", "network_error", message)


def test_plain_http_spoken_to_as_https_is_a_network_error(perform, http_server):
    job = perform("http.request", {"url": http_server.url().replace("http:", "https:")})
    assert (job.status, job.error_code) == ("queued", "network_error")
    assert "SSL" in job.error_message


def test_a_name_that_does_not_exist_is_a_network_error(perform):
    job = perform("http.request", {"url": "http://no-such-host.invalid/"})
    assert (job.status, job.error_code) == ("queued", "network_error")
    assert job.error_message.startswith("the connection to http://no-such-host.invalid/ failed: ")
