"""Changing a claim only while it is ours."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.results import Claim
from airflow_provider_voiceinfra.store.guard.refunds import refund
from airflow_provider_voiceinfra.store.models import CallState

_call = schema.call.c


def update_own(tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
    """Change the row of a claim that is still ours.

    :param only: and in this state.
    :return: whether it is.
    """
    condition = [_call.id == claim.id, _call.owner == claim.owner]
    if only is not None:
        condition.append(_call.state == only)
    return tx.execute(sa.update(schema.call).where(*condition).values(**values)).rowcount == 1


def free_own(tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
    """End a claim under which nobody was called, so that it counts against no limit; see :func:`update_own`."""
    ended = update_own(tx, claim, only, **values)
    if ended:
        refund(tx, [claim.id])
    return ended
