"""The whole way once: a schedule fires, a worker calls a real server, the API and the socket tell of it, and after a
stop and a start the history is there and the schedule goes on without a burst."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.http_server import LocalServer
from tests.live import Up, log_in, login_of
from tests.waiting import wait_for

EVERY_S = 2


class Client:
    """One person's session with the API and the socket."""

    def __init__(self, up: Up, login: tuple[str, str]) -> None:
        self.up = up
        self.session = log_in(up.base_url, *login)

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.up.base_url}/api/pulse/{path}", timeout=10)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.session.post(f"{self.up.base_url}/api/pulse/{path}", json=body, timeout=10)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def completed(self, schedule_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get(f"jobs/{schedule_id}/executions/?status=completed").json()["executions"]
        return rows

    @contextmanager
    def socket(self) -> Iterator[ClientConnection]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.session.cookies.items())
        address = self.up.base_url.replace("http", "ws") + "/ws/pulse/"
        headers = {"Cookie": cookie, "Origin": self.up.base_url}
        with connect(address, additional_headers=headers, proxy=None) as socket:
            yield socket


def events_until(socket: ClientConnection, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    while not enough(seen):
        frame = json.loads(socket.recv(timeout=20))
        seen += frame.get("events", [])
    return seen


def test_the_whole_way(tmp_path: Path) -> None:
    with LocalServer() as server, Up(tmp_path / "data", PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES="1") as up:
        up.wait_until_ready()
        login = login_of(up)
        client = Client(up, login)
        with client.socket() as socket:
            socket.send(json.dumps({"action": "subscribe", "topic": "all"}))
            payload = {"url": server.url("/status/200")}
            asked = {"handler_name": "http.request", "payload": payload, "interval_seconds": EVERY_S}
            schedule_id = client.post("schedules/", asked)["id"]
            told = told_of_five(socket, schedule_id)
        rows = wait_for(lambda: len(client.completed(schedule_id)) >= 5 and client.completed(schedule_id), 20)
        assert set(told) <= {row["id"] for row in rows}
        for row in rows[:5]:
            check_history(client, schedule_id, row)

        assert up.interrupt() == 0
        up.start()
        up.wait_until_ready()
        client = Client(up, login)
        assert {row["id"] for row in rows} <= {row["id"] for row in client.completed(schedule_id)}
        wait_for(lambda: len(client.completed(schedule_id)) >= len(rows) + 3, 20)
        check_no_burst(client.get(f"jobs/?schedule_id={schedule_id}&limit=200").json()["jobs"])


def told_of_five(socket: ClientConnection, schedule_id: str) -> list[str]:
    """The ids of five executions whose start and end the socket told of, in that order."""

    def ended(seen: list[dict[str, Any]]) -> list[str]:
        mine = [event for event in seen if event.get("job_id") == schedule_id]
        return [event["execution_id"] for event in mine if event["type"] == "pulse_execution_completed"]

    seen = events_until(socket, lambda seen: len(ended(seen)) >= 5)
    for execution_id in ended(seen)[:5]:
        kinds = [event["type"] for event in seen if event.get("execution_id") == execution_id]
        lives = [kind for kind in kinds if kind.startswith("pulse_execution_")]
        assert lives == ["pulse_execution_started", "pulse_execution_completed"]
    return ended(seen)[:5]


def check_history(client: Client, schedule_id: str, row: dict[str, Any]) -> None:
    assert row["scheduled_job_id"] == schedule_id
    assert row["result_summary"].startswith("200 OK in ")
    assert row["duration_ms"] >= 0
    lines = client.get(f"executions/{row['id']}/logs/").text.splitlines()
    assert "Starting http.request, attempt 1" in lines[0]
    assert "Completed in " in lines[-1]
    stages = client.get(f"jobs/{row['async_job_id']}/stages/").json()["stages"]
    assert sum(stage["log_count"] for stage in stages) == len(lines)


def check_no_burst(jobs: list[dict[str, Any]]) -> None:
    """Due times lie on the grid of the interval, each once, and what the stop missed was run once."""
    due = sorted(datetime.fromisoformat(job["due_at"]) for job in jobs if job["due_at"])
    assert len(due) == len(set(due))
    gaps = [later - earlier for earlier, later in zip(due, due[1:], strict=False)]
    assert min(gaps) >= timedelta(seconds=EVERY_S)
    assert all(gap % timedelta(seconds=EVERY_S) == timedelta(0) for gap in gaps)


@pytest.mark.parametrize("path", ["schedules/", "jobs/", "executions/", "handlers/"])
def test_strangers_are_refused(live_stack: Any, path: str) -> None:
    assert requests.get(f"{live_stack.base_url}/api/pulse/{path}", timeout=10).status_code == 401
