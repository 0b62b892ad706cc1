"""Public holidays by country, from the library ``holidays``, which the extra of the same name installs."""

from __future__ import annotations

import functools
from datetime import date

_INSTALL = "public holidays need a library: pip install 'airflow-provider-voiceinfra[holidays]'"


@functools.lru_cache(1_000)
def public_holidays(region: str, year: int) -> frozenset[date]:
    """Return the public holidays of a year, the days on which they are observed included.

    :param region: a country, or one of its parts, such as ``US`` or ``US-CA``.
    :raises ValueError: if its holidays are not known, or the library is not installed.
    """
    country, _, part = region.partition("-")
    try:
        import holidays
    except ImportError:
        raise ValueError(_INSTALL) from None
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:
        raise ValueError(f"holidays of {region!r} are not known: write a country such as US, or US-CA") from None
