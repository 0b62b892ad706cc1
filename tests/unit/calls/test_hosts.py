"""One host has one name however it is written: another spelling must not place a call again."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.calls.hosts import read_host
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.store.models import Realm
from tests.support.call_samples import account


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.voiceinfra.ai/v1", "api.voiceinfra.ai"),
        ("HTTPS://API.VoiceInfra.ai:443/v2", "api.voiceinfra.ai"),
        ("https://api.voiceinfra.ai./v1", "api.voiceinfra.ai"),
        ("https://api.voiceinfra.ai.:0443/v1", "api.voiceinfra.ai"),
        ("https://api.voiceinfra.ai:/v1", "api.voiceinfra.ai"),
        ("https://api.voiceinfra.ai:00000443/v1", "api.voiceinfra.ai"),
        ("https://api.voiceinfra.ai:8443", "api.voiceinfra.ai:8443"),
        ("https://api.voiceinfra.ai.:08443", "api.voiceinfra.ai:8443"),
        ("https://api.voiceinfra.ai:4430", "api.voiceinfra.ai:4430"),
        ("https://api.voiceinfra.ai:80", "api.voiceinfra.ai:80"),
        ("https://api\u3002voiceinfra\uff0eai", "api.voiceinfra.ai"),
        ("https://\uff41pi.voiceinfra.ai", "api.voiceinfra.ai"),
        ("https://BÜCHER.example", "xn--bcher-kva.example"),
        ("https://bu\u0308cher.example.", "xn--bcher-kva.example"),
        ("https://XN--bcher-kva.example:443", "xn--bcher-kva.example"),
        ("https://10.1/v1", "10.0.0.1"),
        ("https://0x0a.0.0.1:443", "10.0.0.1"),
        ("https://[::ffff:10.0.0.1]", "10.0.0.1"),
        ("https://[2001:DB8:0::0001]:443", "[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("https://cafe", "cafe"),
        ("https://a..b", "a..b"),
    ],
)
def test_a_live_host_has_one_name(url, host):
    assert (account(url).host, account(url).realm) == (host, Realm.LIVE)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/v1",
        "http://LOCALHOST:8099/v1",
        "http://localhost.:8099",
        "http://127.0.0.1:8100",
        "http://127.0.0.1.:8100",
        "http://127.9.9.9:08099",
        "https://127.1:8443",
        "https://2130706433",
        "http://[::1]:8085",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]:8085",
        "http://[::FFFF:7f00:1]",
    ],
)
def test_this_machine_is_one_sandbox_however_it_is_written(url):
    """Whatever its port too: a sandbox that was restarted on another one is the same."""
    assert (account(url).host, account(url).realm) == ("localhost", Realm.SANDBOX)


@pytest.mark.parametrize("url", ["https://localhost.example.com", "https://127.0.0.1.example.com", "https://128.0.0.1"])
def test_what_only_looks_like_this_machine_is_live(url):
    assert account(url).realm == Realm.LIVE


@pytest.mark.parametrize("text", ["api.voiceinfra.ai", " https://API.voiceinfra.ai:443/v1 ", "api.voiceinfra.ai.:443"])
def test_a_host_is_read_as_people_write_it(text):
    assert read_host(text) == "api.voiceinfra.ai"


@pytest.mark.parametrize("text", ["", "https://", "[::1", "host:port", "host:99999"])
def test_what_is_not_a_host_is_refused(text):
    with pytest.raises(InvalidCallError, match="is not a host: write it like"):
        read_host(text)
