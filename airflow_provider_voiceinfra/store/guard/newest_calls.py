"""When the newest calls to some numbers were claimed, which caps of calls to a number depend on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.do_not_call import hash_number
from airflow_provider_voiceinfra.store.models import MAY_HAVE_RUNG

_call = schema.call.c


def _newest(
    realm: sa.ColumnElement[str], number: sa.ColumnElement[str], hashed: sa.ColumnElement[str]
) -> list[sa.Select[tuple[datetime]]]:
    """Select by the number, and by its hash where calls were purged, each by its index."""
    query = sa.select(_call.claimed_at).where(
        _call.claimed_at > sa.bindparam("since", type_=schema.UtcDateTime),
        # Not by an index of environments, which SQLite would take for the newest call of all.
        _call.environment.concat("") == sa.bindparam("environment"),
        _call.realm == realm,
        _call.state.in_(MAY_HAVE_RUNG),
    )
    query = query.order_by(_call.claimed_at.desc()).limit(sa.bindparam("most"))
    return [
        query.where(_call.to_number == number),
        query.where(_call.number_hash.is_not(None), _call.number_hash == hashed),
    ]


# Made once, as most claims need them: for one number, and for several at once, which saves round trips to a server.
_NAMES = ("its_realm", "its_number", "its_hash")
_one = _newest(*(sa.bindparam(name, type_=sa.String) for name in _NAMES))
_OF_ONE = sa.union_all(*(sa.select(each.subquery().c.claimed_at) for each in _one))
_several = (
    sa.func.unnest(*(sa.bindparam(name, type_=ARRAY(sa.Text)) for name in _NAMES))
    .table_valued(*(sa.column(name, sa.Text) for name in _NAMES))
    .render_derived("callee")
)
_OF_SEVERAL = sa.union_all(
    *(
        sa.select(_several.c.its_realm, _several.c.its_number, each.c.claimed_at).join_from(_several, each, sa.true())
        for each in (each.lateral() for each in _newest(*_several.c))
    )
)


class NewestCalls:
    """Knows the newest calls to the numbers of some requests that have caps; read at once, when it is asked first."""

    def __init__(self, tx: sa.Connection, environment: str, requests: Sequence[ClaimRequest]) -> None:
        self._tx = tx
        self._environment = environment
        self._capped = [request for request in requests if request.rules.caps]

    def of(self, request: ClaimRequest) -> list[datetime]:
        """Return when the newest calls to the number of a request were claimed, newest first."""
        return sorted(self._claimed[request.realm, request.to_number], reverse=True)

    @cached_property
    def _claimed(self) -> defaultdict[tuple[str, str], list[datetime]]:
        caps = [cap for request in self._capped for cap in request.rules.caps]
        which = {
            "environment": self._environment,
            "most": max(cap.calls for cap in caps),
            "since": time_of(self._tx) - max(cap.within for cap in caps),
        }
        callees = sorted({(str(request.realm), request.to_number) for request in self._capped})
        claimed = defaultdict[tuple[str, str], list[datetime]](list)
        for realm, number, at in self._read(callees, which):
            claimed[realm, number].append(at)
        return claimed

    def _read(self, callees: Sequence[tuple[str, str]], which: dict[str, Any]) -> Sequence[Any]:
        each = [(*callee, hash_number(self._tx, callee[1])) for callee in callees]
        if self._tx.dialect.name == "postgresql":
            arrays = map(list, zip(*each, strict=True))
            return self._tx.execute(_OF_SEVERAL, which | dict(zip(_NAMES, arrays, strict=True))).all()
        return [
            (realm, number, at)
            for realm, number, hashed in each
            for at in self._tx.scalars(_OF_ONE, which | dict(zip(_NAMES, (realm, number, hashed), strict=True)))
        ]
