"""What stays on this machine may go unencrypted."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether a host, by name or address, is this machine itself."""
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # Python tells it of ::ffff:127.0.0.1 from 3.13 on only.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
