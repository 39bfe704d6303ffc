"""`http.request` reaches no private address by any way in, and lets no secret out."""

import pytest
import requests

from pulse.handlers import http_request
from tests.handlers.conftest import PublicLoopback

HINT = "set PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES to allow them"
SECRETS = ["hunter2", "aHVudGVy", "YW5uOmh1bnRlcjI=", "k3y-value", "t0k3n-value", "c00kie-value"]


@pytest.mark.parametrize(
    ("host", "address"),
    [("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("127.1", "127.0.0.1"), ("0", "0.0.0.0"),
     ("0xa9fea9fe", "169.254.169.254"), ("167772161", "10.0.0.1")],
)  # fmt: skip
def test_a_name_that_leads_to_a_private_address_is_refused_before_anything_is_sent(
    perform, http_server, host, address
):
    url = f"http://{host}:{http_server.port}/"
    job = perform("http.request", {"url": url})
    assert (job.status, job.error_code) == ("failed", "validation_error")
    assert job.error_message == f"{url} leads to the private address {address}: {HINT}"
    assert http_server.seen == []


@pytest.mark.parametrize("target", ["10.0.0.1", "169.254.169.254", "[fd00::1]", "2852039166"])
def test_a_redirect_to_a_private_address_is_refused(perform, http_server, monkeypatch, settings, target):
    settings.PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES = True  # for the payload: the session is what is tested
    monkeypatch.setattr(http_request, "open_session", lambda timeout_s: PublicLoopback())
    path = f"/redirect-to?url=http://{target}/latest/meta-data/"
    job = perform("http.request", {"url": http_server.url(path), "follow_redirects": True})
    assert (job.status, job.error_code) == ("failed", "validation_error")
    assert job.error_message.startswith(f"http://{target}/latest/meta-data/ leads to the private address ")


def test_no_proxy_and_no_password_of_the_environment_is_used(
    perform, http_server, monkeypatch, private_allowed, unused_tcp_port, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    assert requests.utils.get_netrc_auth(http_server.url()) == ("ann", "hunter2")

    assert perform("http.request", {"url": http_server.url("/echo")}).status == "completed"
    assert "authorization" not in http_server.seen[0].headers


@pytest.mark.parametrize(
    "path", ["/bytes/10", "/echo/422", "/hangup", "/truncated", "/delay/9", "/redirect/7", "/endless"]
)
def test_no_secret_is_in_the_log_the_error_or_the_traceback(perform, http_server, caplog, private_allowed, path):
    caplog.set_level("DEBUG")
    job = perform(
        "http.request",
        {
            "url": http_server.url(f"{path}?token=t0k3n-value").replace("//", "//ann:hunter2@", 1),
            "method": "POST",
            "headers": {"X-Api-Key": "k3y-value", "Cookie": "id=c00kie-value", "Authorization": "Bearer aHVudGVy"},
            "body": "{}",
            "follow_redirects": True,
            "timeout_s": 0.5,
            "max_bytes": 1000,
        },
    )
    assert http_server.seen
    ours = [record for record in caplog.records if not record.name.startswith("urllib3")]  # kept off below WARNING
    said = "\n".join([job.error_message, job.waiting_reason, job.result_summary, *map(caplog.handler.format, ours)])
    assert [secret for secret in SECRETS if secret in said] == []
    assert "***@127.0.0.1" in said
