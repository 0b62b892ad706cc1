"""What asking for a claim or for a send permit comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Denial, DeniedCall, Rule, SendSlot
from airflow_provider_voiceinfra.store.models import CallParties, CallState


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that is ours to place.

    :param owner: proves at each step that it still is.
    :param request: what was claimed.
    :param estimated_seconds: that it may talk, where minutes are limited.
    """

    id: int
    ref: str
    owner: str = field(repr=False)
    request: ClaimRequest = field(repr=False)
    estimated_seconds: int | None = None

    @property
    def party(self) -> CallParties:
        """Who calls whom."""
        return CallParties.of(self.request)


class ConflictReason(StrEnum):
    """Why another call conflicts with a new one."""

    KEY = "key"
    """It has the same key, or had it before a clear and has not ended."""
    MAP_INDEX = "map_index"
    """Another map index of the same task and run calls the same number."""
    RETRY = "retry"
    """An earlier try of the same task called another number."""
    NUMBER = "number"
    """It has the same key, and calls another number."""
    HOST = "host"
    """It was placed at another host, or waits to be."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another call that a new one must not be placed beside, named by its ref."""

    ref: str
    reason: ConflictReason


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """Our claim, or why there is none: one of the three."""

    claim: Claim | None = None
    conflict: Conflict | None = None
    denied: DeniedCall | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of a call that were claimed now.

    :param state: claimed, waiting or blocked, where no other call conflicts with it.
    :param until: until when it would wait; None where nobody knows, as for a pause.
    """

    conflict: Conflict | None = None
    state: CallState = CallState.CLAIMED
    until: datetime | None = None

    @classmethod
    def of(cls, denial: Denial | None) -> Forecast:
        """Forecast what the guard would decide."""
        if denial is None:
            return cls()
        return cls(state=denial.state, until=None if denial.rule is Rule.PAUSED else denial.until)


@dataclass(frozen=True, slots=True)
class SendPermit:
    """Allows one POST.

    :param valid_until: the first byte may be written until then; see :data:`.lifetimes.PERMIT_LIFETIME`.
    :param slot: when the first byte may be written, where there is a rate.
    """

    valid_until: datetime
    slot: SendSlot | None = None


@dataclass(frozen=True, slots=True)
class PermitResult:
    """A send permit; or the guard has denied the call; or neither, and then the claim is not ours any more."""

    permit: SendPermit | None = None
    denied: DeniedCall | None = None
