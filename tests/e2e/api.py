"""The API as a test needs it to set a scene and to check what a page says."""

from typing import Any

import requests

from tests.waiting import wait_for

HOUR_S = 3_600


class Api:
    def __init__(self, base_url: str, session: requests.Session) -> None:
        self.root = f"{base_url}/api/pulse/"
        self.session = session
        self._made: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        return self._answer("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._answer("POST", path, body or {})

    def schedule(self, name: str, handler_name: str, every_s: int = HOUR_S, **payload: Any) -> dict[str, Any]:
        """A new schedule; its first run is now."""
        given = {"name": name, "handler_name": handler_name, "interval_seconds": every_s, "payload": payload}
        made = self.post("schedules/", given)
        self._made.append(made["id"])
        return made

    def executions(self, schedule_id: str) -> list[dict[str, Any]]:
        """Newest first."""
        rows: list[dict[str, Any]] = self.get(f"jobs/{schedule_id}/executions/?limit=100")["executions"]
        return rows

    def wait_for_runs(self, schedule_id: str, count: int) -> list[dict[str, Any]]:
        """The executions, once so many of them have ended."""

        def ended() -> list[dict[str, Any]]:
            rows = self.executions(schedule_id)
            return rows if sum(row["status"] != "running" for row in rows) >= count else []

        return wait_for(ended, timeout_s=30)

    def delete_schedules(self) -> None:
        while self._made:
            self.session.delete(f"{self.root}schedules/{self._made.pop()}/", timeout=10)

    def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.session.request(method, self.root + path, json=body, timeout=10)
        assert response.ok, response.text
        answer: dict[str, Any] = response.json()
        return answer
