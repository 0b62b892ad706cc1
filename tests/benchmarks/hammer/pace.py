"""Everything that takes time takes a twentieth of it, so that what is too old or too late happens all the time.

A claim lives for 60 s. A POST times out after 30 s, a slow answer takes 45, a late webhook 60. Here the same are 3,
1.5, 2.25 and 3 s; a send permit lasts half as long as usual. So claims whose owner is dead
grow old while the hammer runs, not only once after it, and are met there by retries, by webhooks, by
others that call the same number, and by owners that were only stopped and go on. What each time means is kept, because
all of them are made shorter alike. Not those that only set how long webhooks fit their calls: these are hours.
"""

from __future__ import annotations

from dataclasses import astuple

from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.calls.transport import Timeouts
from airflow_provider_voiceinfra.store.guard import lifetimes

SPEED = 20

LIFETIME = lifetimes.CLAIM_LIFETIME / SPEED
TIMEOUTS = Timeouts(*(seconds / SPEED for seconds in astuple(Timeouts())))
SLOW_ANSWER = 45.0 / SPEED
LATE_WEBHOOK = 60.0 / SPEED
RETRY = RetryPolicy(attempts=2, deadline=60.0 / SPEED, base=1.0 / SPEED, longest=20.0 / SPEED)
_PERMIT_LIFETIME = lifetimes.PERMIT_LIFETIME / 2


def quicken() -> None:
    """Shorten the times of this process."""
    lifetimes.CLAIM_LIFETIME = LIFETIME
    lifetimes.PERMIT_LIFETIME = _PERMIT_LIFETIME
