"""A VoiceInfra account, as a connection describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_voiceinfra.calls.hosts import normal_host, realm_of
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.network import is_loopback
from airflow_provider_voiceinfra.store.models import Realm

PUBLIC_HOST = "https://api.voiceinfra.ai"
DEFAULT_BASE_URL = f"{PUBLIC_HOST}/v1"


@dataclass(frozen=True, slots=True)
class Account:
    """A connection's API, key, defaults and limits.

    :param base_url: such as ``https://api.voiceinfra.ai/v1``.
    :param webhook_conn_id: the connection whose webhook completes this account's calls.
    """

    conn_id: str
    base_url: str
    api_key: str = field(repr=False)
    webhook_conn_id: str
    agent_id: str | None = None
    from_number: str | None = field(default=None, repr=False)
    default_region: str | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def host(self) -> str:
        """The normalized API host: all calls of a key are placed at the same one."""
        return normal_host(self.base_url)

    @property
    def realm(self) -> Realm:
        """Whether phones ring: keys of the two realms never conflict."""
        return realm_of(self.host)


def base_url(host: str | None, *, conn_id: str, port: int | None = None, path: str | None = None) -> str:
    """Read the API's address from a connection's host, port and schema.

    :param host: a URL or a host name; empty for the public API.
    :param port: the connection's field; the host may contain it instead.
    :param path: the connection's schema, which is the path if the connection is a URI.
    :raises InvalidCallError: if it is not an address, names two ports or two paths, or would send the key unencrypted
        over a network.
    """
    path = (path or "").strip().strip("/")
    text = (host or "").strip() or (PUBLIC_HOST if path else DEFAULT_BASE_URL)
    if "://" not in text:
        text = f"https://{text}"
    text = text.rstrip("/")
    where = f"The host of connection {conn_id!r}"
    try:
        parts = urlsplit(text)
        name, own_port = parts.hostname, parts.port
    except ValueError:
        name = own_port = None
    if not name:
        raise InvalidCallError(f"{where} is not an address: write it like {DEFAULT_BASE_URL}.")
    if parts.username or parts.password or "?" in text + path or "#" in text + path:
        raise InvalidCallError(f"{where} must be an address like {DEFAULT_BASE_URL}; the key is its password.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(name)):
        raise InvalidCallError(
            f"{where} starts with {parts.scheme}://, which would show the API key and the conversation to "
            "the network: write https:// (plain http is for a sandbox on this machine only)."
        )
    if port not in {None, own_port}:
        if own_port is not None:
            raise InvalidCallError(f"{where} names another port than its field Port: leave the field empty.")
        parts = parts._replace(netloc=f"{parts.netloc.rstrip(':')}:{port}")
    if path and parts.path.strip("/") not in {"", path}:
        raise InvalidCallError(f"{where} names another path than its field Schema: leave the field empty.")
    return parts._replace(path=f"/{path}").geturl() if path else parts.geturl()
