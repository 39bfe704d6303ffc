"""The whole way: a job asked for over HTTP, run by a real worker, told over the socket."""

from typing import Any

from tests.live import LiveStack
from tests.realtime.servers import Client, connected


def ask_for(live_stack: LiveStack, handler_name: str, **payload: Any) -> str:
    asked = {"handler_name": handler_name, "payload": payload}
    answer = live_stack.session.post(f"{live_stack.base_url}/api/pulse/jobs/", json=asked, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def told_of(client: Client, job_id: str, *types: str) -> list[dict[str, Any]]:
    """The events of these types about this job, so far."""
    mine = [event for event in client.events if job_id in (event.get("async_job_id"), event.get("job_id"))]
    return [event for event in mine if event["type"] in types]


def test_a_job_of_a_real_worker_is_told_from_its_start_to_its_end(live_stack: LiveStack) -> None:
    cookie = live_stack.session.cookies["sessionid"]
    with connected(live_stack.up.port, cookie) as client:
        client.hello().subscribe()
        job_id = ask_for(live_stack, "pulse.sleep", seconds=1.5)
        client.read_until(lambda: told_of(client, job_id, "pulse_execution_started"))
        started, *_ = told_of(client, job_id, "pulse_execution_started")
        client.read_until(lambda: told_of(client, job_id, "pulse_execution_completed"))
        completed, *_ = told_of(client, job_id, "pulse_execution_completed")
        client.read_until(lambda: told_of(client, job_id, "job_update")[-1]["status"] == "completed")
    # the stream may tell an event twice, when the answer to its writer was lost; it is of the one execution
    ends = told_of(client, job_id, "pulse_execution_started", "pulse_execution_completed")
    assert {event["execution_id"] for event in ends} == {started["execution_id"]}
    assert completed["result_summary"] == "slept 1.5 s"
    assert 1500 <= completed["duration_ms"] < 5000
    assert told_of(client, job_id, "job_update")[0]["status"] == "queued"
    assert [event["total"] for event in told_of(client, job_id, "progress")][0] == 2
