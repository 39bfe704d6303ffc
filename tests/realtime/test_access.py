import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from websockets import InvalidStatus

from tests.realtime.servers import COMMITTED, Server

pytestmark = COMMITTED


def test_somebody_who_is_not_logged_in_is_closed_with_4401_and_told_nothing(server: Server) -> None:
    with server.connect() as client:
        assert client.close_code() == 4401
        assert client.frames == []


def test_a_made_up_session_is_closed_with_4401(server: Server, cookie: str) -> None:
    with server.connect(cookie[:-1] + "!") as client:
        assert client.close_code() == 4401


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:1", "http://localhost:{port}", "https://127.0.0.1:{port}x", "null", ""],
)
def test_a_page_of_another_address_is_refused_before_the_socket_opens(
    server: Server, cookie: str, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refusal, server.connect(cookie, origin=origin.format(port=server.port)):
        pass
    assert refusal.value.response.status_code == 403


def test_another_path_is_refused_without_a_traceback(server: Server, cookie: str) -> None:
    with pytest.raises(InvalidStatus) as refusal, server.connect(cookie, path="/ws/other/"):
        pass
    assert refusal.value.response.status_code == 403
    assert "Traceback" not in server.log.read_text()


def test_who_logs_out_is_closed_with_4401_at_the_next_check(server: Server, session: SessionStore) -> None:
    with server.connect(session.session_key or "") as client:
        client.hello().subscribe()
        session.flush()
        assert client.close_code(timeout_s=5) == 4401


def test_a_user_who_is_deactivated_is_closed_with_4401_at_the_next_check(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello()
        get_user_model().objects.update(is_active=False)
        assert client.close_code(timeout_s=5) == 4401


def test_who_stays_logged_in_stays_connected_over_several_checks(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello()
        time.sleep(1)  # three checks
        assert client.ask(action="ping") == {"type": "pong"}
