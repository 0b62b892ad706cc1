"""What requests need to know of the network: loopback hosts, and the machine's proxies and certificates."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import requests


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address is a loopback one."""
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # Before Python 3.13, ::ffff:127.0.0.1 itself is not loopback.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def environment_settings(url: str) -> Mapping[str, Any]:
    """Return the proxies and certificates for a URL, as arguments of ``requests``.

    Plain http goes through no proxy, because it is for this machine only.
    """
    found = requests.Session().merge_environment_settings(url, {"http": ""}, None, None, None)
    return {name: found[name] for name in ("proxies", "verify", "cert")}
