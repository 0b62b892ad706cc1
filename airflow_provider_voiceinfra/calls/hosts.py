"""API hosts: their normal form, and their realm."""

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
_DEFAULT_PORTS = {"https": 443, "http": 80}


def normal_host(url: str) -> str:
    """Return the normalized host of a base URL, with its port unless that is the default one.

    This machine is one host, whatever its port: a sandbox that was restarted on another port is the same sandbox.
    """
    parts = urlsplit(url)
    name = _normal_name(parts.hostname or "")
    if is_loopback(name):
        return _SANDBOX
    if ":" in name:
        name = f"[{name}]"
    usual = parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)}
    return name if usual else f"{name}:{parts.port}"


def read_host(text: str) -> str:
    """Normalize a host that a person has written, alone or in a URL.

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
    """Return the realm of a normalized host."""
    return Realm.SANDBOX if host == _SANDBOX else Realm.LIVE


def _normal_name(name: str) -> str:
    with suppress(UnicodeError):
        # If it fails, the name cannot be looked up either.
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
