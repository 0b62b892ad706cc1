"""The machine's proxies and certificates, read the same way by all that sends requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests


def surroundings(url: str) -> Mapping[str, Any]:
    """Give the proxies and certificates for a URL, as ``requests`` takes them.

    No proxy sees plain http: it is for this machine only, and a proxy is another one.
    """
    found = requests.Session().merge_environment_settings(url, {"http": ""}, None, None, None)
    return {name: found[name] for name in ("proxies", "verify", "cert")}
