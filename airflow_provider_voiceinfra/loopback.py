"""Detects loopback hosts, the only ones that may be reached without encryption."""

from __future__ import annotations

import ipaddress


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
