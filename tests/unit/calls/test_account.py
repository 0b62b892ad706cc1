"""The API's address: https, unless nobody else can listen."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.calls.account import DEFAULT_BASE_URL, base_url
from airflow_provider_voiceinfra.errors import InvalidCallError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, DEFAULT_BASE_URL),
        ("", DEFAULT_BASE_URL),
        (" https://api.voiceinfra.ai/v1/ ", DEFAULT_BASE_URL),
        ("api.voiceinfra.ai/v1", DEFAULT_BASE_URL),
        ("HTTPS://API.voiceinfra.ai/v1", "https://API.voiceinfra.ai/v1"),
        ("eu.voiceinfra.ai:8443", "https://eu.voiceinfra.ai:8443"),
        ("https://[2001:db8::1]/v1", "https://[2001:db8::1]/v1"),
        ("http://localhost:8085/v1", "http://localhost:8085/v1"),
        ("http://127.0.0.1:8085", "http://127.0.0.1:8085"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8085", "http://[::1]:8085"),
        ("http://[::ffff:127.0.0.1]:8085", "http://[::ffff:127.0.0.1]:8085"),
        ("http://localhost.:8085", "http://localhost.:8085"),
    ],
)
def test_addresses(host, url):
    assert base_url(host, conn_id="vi") == url


@pytest.mark.parametrize(
    "host",
    [
        "http://api.voiceinfra.ai/v1",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.1",
        "http://127.0.0.1.",
        "http://[::ffff:10.0.0.1]",
        "ftp://api.voiceinfra.ai",
        "file:///etc/passwd",
        "//api.voiceinfra.ai",
        "https://",
        "https:///v1",
        "https://[::1",
        "https://host:port/v1",
        "https://host:99999/v1",
        "https://me:s3cret@api.voiceinfra.ai",
        "http://127.0.0.1@api.voiceinfra.ai",
        "http://127.0.0.1\\@api.voiceinfra.ai",
        "https://api.voiceinfra.ai/v1?key=s3cret",
        "https://api.voiceinfra.ai/v1?",
        "https://api.voiceinfra.ai/v1#s3cret",
    ],
)
def test_what_would_show_the_key_or_is_no_address_is_refused(host):
    with pytest.raises(InvalidCallError, match="The host of connection 'vi'") as error:
        base_url(host, conn_id="vi")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "port", "path", "url"),
    [
        # As Airflow reads voiceinfra://:key@api.voiceinfra.ai:8443/v1
        ("api.voiceinfra.ai", 8443, "v1", "https://api.voiceinfra.ai:8443/v1"),
        ("http://127.0.0.1", 8099, "v1", "http://127.0.0.1:8099/v1"),
        ("api.voiceinfra.ai", None, "eu/v1", "https://api.voiceinfra.ai/eu/v1"),
        ("", None, "v1", DEFAULT_BASE_URL),
        (None, None, "", DEFAULT_BASE_URL),
        ("https://api.voiceinfra.ai/v1", 8443, None, "https://api.voiceinfra.ai:8443/v1"),
        ("api.voiceinfra.ai/v1", 443, None, "https://api.voiceinfra.ai:443/v1"),
        ("api.voiceinfra.ai:8443/v1/", 8443, "/v1/", "https://api.voiceinfra.ai:8443/v1"),
        ("https://[2001:db8::1]/v1", 8443, None, "https://[2001:db8::1]:8443/v1"),
    ],
)
def test_port_and_path_may_have_fields_of_their_own(host, port, path, url):
    assert base_url(host, conn_id="vi", port=port, path=path) == url


@pytest.mark.parametrize(
    ("host", "port", "path", "says"),
    [
        ("api.voiceinfra.ai:8443", 443, None, "another port than its field Port"),
        ("api.voiceinfra.ai/v1", None, "v2", "another path than its field Schema"),
        ("api.voiceinfra.ai", None, "v1?key=s3cret", "must be an address like"),
    ],
)
def test_an_address_that_is_given_twice_must_be_the_same(host, port, path, says):
    with pytest.raises(InvalidCallError, match=says) as error:
        base_url(host, conn_id="vi", port=port, path=path)
    assert "s3cret" not in str(error.value)
