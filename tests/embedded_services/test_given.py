"""What is said of a server from the environment holds no password."""

import pytest

from pulse_project.embedded.given import address, brief


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:s3cret@db.example:5432/pulse?sslmode=require", "db.example:5432"),
        ("redis://:s3c/r@t@10.0.0.1:6379/0", "10.0.0.1:6379"),
        ("redis://[::1]:6379", "[::1]:6379"),
        ("redis://localhost", "localhost"),
        ("redis://:s3cret:6379", "the address it holds"),
        ("s3cret", "the address it holds"),
    ],
)
def test_the_address_is_told_only_when_it_cannot_be_the_password(url: str, said: str) -> None:
    assert address(url) == said


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            'connection failed: server at "h", port 1 failed: Connection refused\n\tIs it running?',
            "Connection refused",
        ),
        (
            'connection failed: FATAL:  password authentication failed for user "me"',
            'password authentication failed for user "me"',
        ),
        ("invalid word s3cret in URL.", "invalid word *** in URL"),
        ("", "no reason given"),
    ],
)
def test_a_reason_is_cut_to_its_gist(reason: str, said: str) -> None:
    assert brief(reason, "postgresql://me:s3cret@h:1/pulse") == said
