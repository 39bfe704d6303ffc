"""The same application under each server that people use."""

from urllib.request import urlopen

import pytest
from pytest_django import Settings

from pulse import events
from tests.realtime.conftest import Run
from tests.realtime.examples import started
from tests.realtime.servers import COMMITTED, UVICORN

pytestmark = COMMITTED

DAPHNE = ("-m", "daphne", "-b", "127.0.0.1", "pulse_project.asgi:application", "-p")
RUNSERVER = ("manage.py", "runserver", "--noreload", "--skip-checks")


@pytest.mark.parametrize("command", [UVICORN, DAPHNE, RUNSERVER], ids=["uvicorn", "daphne", "runserver"])
def test_pages_static_files_and_the_socket_work(
    run_server: Run, cookie: str, settings: Settings, command: tuple[str, ...]
) -> None:
    with run_server(command=command) as server:
        settings.PULSE_EVENTS_STREAM = server.stream
        for path, kind in (("/admin/login/", "text/html"), ("/static/admin/css/base.css", "text/css")):
            with urlopen(f"http://{server.address}{path}", timeout=20) as answer:
                assert (answer.status, answer.headers.get_content_type()) == (200, kind)
                assert answer.read()
        with server.connect() as stranger:
            assert stranger.close_code() == 4401
        with server.connect(cookie) as client:
            client.hello().subscribe()
            events.emit(started(7))
            client.read_until(lambda: client.events)
    assert client.events[0]["attempt"] == 7
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "Warning:" not in log
