"""API hosts: one spelling for each, and whether phones ring there."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.network import is_loopback
from airflow_provider_voiceinfra.store.models import Realm

_SANDBOX = "localhost"
# What the system reads as an address of four bytes, such as 127.1 or 0x7f.0.0.1.
_LIKE_IPV4 = re.compile(r"[\da-fx]+(\.[\da-fx]+){0,3}")
_USUAL_PORTS = {"https": 443, "http": 80}


def normal_host(url: str) -> str:
    """Give the host of a base URL in its one spelling, with its port where that is not the usual one.

    This machine is one host, whatever its port: a sandbox that was restarted on another port is the same sandbox.
    """
    parts = urlsplit(url)
    name = _normal_name(parts.hostname or "")
    if is_loopback(name):
        return _SANDBOX
    if ":" in name:
        name = f"[{name}]"
    usual = parts.port in {None, _USUAL_PORTS.get(parts.scheme)}
    return name if usual else f"{name}:{parts.port}"


def read_host(text: str) -> str:
    """Read a host as people write it, alone or in a URL, into its one spelling.

    :raises InvalidCallError: if it is not a host.
    """
    url = text.strip() if "://" in text else f"https://{text.strip()}"
    try:
        host = normal_host(url)
    except ValueError:
        host = ""
    if not host:
        raise InvalidCallError(f"{text!r} is not a host: write it like api.voiceinfra.ai.")
    return host


def realm_of(host: str) -> Realm:
    """Tell the realm of a host that :func:`normal_host` has given."""
    return Realm.SANDBOX if host == _SANDBOX else Realm.LIVE


def _normal_name(name: str) -> str:
    with suppress(UnicodeError):
        # Where it fails, the name cannot be looked up either.
        name = name.encode("idna").decode()
    name = name.lower().removesuffix(".")
    if _LIKE_IPV4.fullmatch(name):
        try:
            return socket.inet_ntoa(socket.inet_aton(name))
        except OSError:
            return name
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)
