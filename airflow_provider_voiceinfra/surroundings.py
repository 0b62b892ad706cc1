"""The machine's proxies and certificates, read in one way for all requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests


def environment_settings(url: str) -> Mapping[str, Any]:
    """Return the proxies and certificates for a URL, as arguments of ``requests``.

    Plain http goes through no proxy, because it is for this machine only.
    """
    found = requests.Session().merge_environment_settings(url, {"http": ""}, None, None, None)
    return {name: found[name] for name in ("proxies", "verify", "cert")}
