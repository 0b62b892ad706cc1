"""Which time zones a phone number may be in."""

from __future__ import annotations

import functools
from zoneinfo import ZoneInfo

_UNKNOWN = "Etc/Unknown"


@functools.lru_cache(10_000)
def zones_of_number(e164: str) -> tuple[ZoneInfo, ...]:
    """Give the zones that a number may be in; none where it tells nothing, as a toll-free number does.

    :param e164: such as ``+14155550100``.
    """
    # Loading their tables takes a while, which only those pay who use calling hours.
    import phonenumbers
    from phonenumbers import timezone

    parsed = phonenumbers.parse(e164)
    if phonenumbers.number_type(parsed) in _anywhere():
        return ()
    names = timezone.time_zones_for_number(parsed)
    return () if _UNKNOWN in names else tuple(ZoneInfo(name) for name in names)


@functools.cache
def _anywhere() -> frozenset[int]:
    """Kinds of numbers that are answered wherever their owner likes."""
    from phonenumbers import PhoneNumberType as Kind

    return frozenset({Kind.TOLL_FREE, Kind.SHARED_COST, Kind.UAN, Kind.VOIP, Kind.PERSONAL_NUMBER, Kind.PAGER})
