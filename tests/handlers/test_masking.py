"""Secrets do not get into logs."""

import pytest

from pulse.handlers.masking import is_secret, mask_headers, mask_text, mask_url, secrets_in


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.com/v1/items?page=2", "https://api.example.com/v1/items?page=2"),
        ("https://ann:hunter2@api.example.com/", "https://***@api.example.com/"),
        ("https://t0k3n@api.example.com:8443/x", "https://***@api.example.com:8443/x"),
        (
            "https://a.example/?api_key=abc&page=2&access_token=def",
            "https://a.example/?api_key=***&page=2&access_token=***",
        ),
        ("https://a.example/?sig=abc&design=blue", "https://a.example/?sig=***&design=blue"),
        ("https://a.example/?%61pi_key=abc", "https://a.example/?%61pi_key=***"),
        ("https://a.example/cb#access_token=abc", "https://a.example/cb"),
        ("https://a.example/?token", "https://a.example/?token"),
        ("https://u:p@w@a.example/", "https://***@a.example/"),
    ],
)
def test_a_url_is_shown_without_its_user_part_fragment_and_secret_parameters(url, shown):
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-Auth-Token", "X-CSRF-Token",
     "apikey", "client_secret", "password", "passwd", "X-Amz-Signature", "sessionid", "jwt", "sig", "pass"],
)  # fmt: skip
def test_secrets_are_known_by_their_name(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["Accept", "Content-Type", "User-Agent", "page", "design", "compass", "ETag"])
def test_other_names_are_shown(name):
    assert not is_secret(name)


def test_headers_keep_their_names_and_lose_their_secrets():
    assert mask_headers({"Accept": "*/*", "Authorization": "Bearer abc"}) == {
        "Accept": "*/*",
        "Authorization": "***",
    }


def test_a_secret_is_hidden_wherever_it_is_repeated_in_a_text_also_decoded():
    secrets = secrets_in(
        "https://ann:hunter2@a.example/?token=a%2Fbcdef&page=1234567",
        {"Authorization": "Bearer tok-987", "Accept": "text/plain"},
    )
    text = "hunter2 a/bcdef a%2Fbcdef tok-987 1234567 text/plain ann:hunter2"
    assert mask_text(text, secrets) == "*** *** *** *** 1234567 text/plain ***"
