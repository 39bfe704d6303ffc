"""How long a dead process waits for its next start, and how its end is told."""

from pulse_project.embedded.supervisor import how_it_ended, pause_s


def test_the_pause_before_a_restart_doubles_up_to_half_a_minute() -> None:
    assert [pause_s(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_the_end_of_a_process_is_told_by_signal_or_exit_code() -> None:
    assert how_it_ended(-9) == "was ended by SIGKILL"
    assert how_it_ended(3) == "ended with exit code 3"
