"""Claims under all rules in a store full of calls, beside claims in an empty one."""

from __future__ import annotations

import random
import statistics
import time
from datetime import timedelta

from airflow_provider_voiceinfra.guard.constraints import CallConstraints, rules_for
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Rules
from airflow_provider_voiceinfra.store.models import Realm, Source
from tests.benchmarks.findings import found
from tests.benchmarks.guard.history import CONN_ID, LIST_ID
from tests.benchmarks.guard.rules import AGENT, LIMITS, NO_LIMITS, callees, constraints

BAR = 1.3
WARM = 50


def measure(kind: str, empty: CallStore, full: CallStore, claims: int) -> bool:
    """Claim in turns, so that whatever else the machine does is shared; tells whether the bar holds."""
    ways = {
        "empty, no rules": (empty, NO_LIMITS, CallConstraints()),
        "empty, all rules": (empty, LIMITS, constraints()),
        "full, all rules": (full, LIMITS, constraints()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    numbers = callees((claims + WARM) * len(ways))
    for number in range(claims + WARM):
        for name in random.sample(list(ways), len(ways)):
            taken = _claim(*ways[name], f"{name}/{number}", next(numbers))
            if number >= WARM:
                seconds[name].append(taken)
    medians = {name: 1_000 * statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"| claim and permit, {kind}, {name} | {median:.2f} ms |", flush=True)
    what, taken = f"claim and permit under all rules, in a store full of calls, {kind}", medians["full, all rules"]
    same = medians["empty, all rules"]
    found(what, taken, "ms", beside="an empty store, no rules", than=medians["empty, no rules"])
    return found(
        what,
        taken,
        "ms",
        beside="an empty store, all rules",
        than=same,
        bar=f"≤ {BAR} times",
        holds=taken <= BAR * same,
    )


def _claim(store: CallStore, limits: Limits, constraints: CallConstraints, key: str, number: str) -> float:
    begun = time.perf_counter()
    claim = store.claims.take(_claim_request(key, number, rules_for(limits, constraints, number))).claim
    assert claim is not None
    store.claims.request_permit(claim)
    taken = time.perf_counter() - begun
    # Its line is free again.
    store.claims.release(claim, "measured")
    return taken


def _claim_request(key: str, number: str, rules: Rules) -> ClaimRequest:
    return ClaimRequest(
        key=key,
        base_key=key,
        key_label=key,
        own_key=True,
        settle_timeout=timedelta(hours=2),
        realm=Realm.SANDBOX,
        host="api.voiceinfra.ai",
        conn_id=CONN_ID,
        webhook_conn_id=CONN_ID,
        source=Source("dag", "run", "run", "task"),
        agent_id=AGENT,
        from_number="+14155550199",
        to_number=number,
        request={"context": "x" * 500},
        fingerprint={},
        metadata={},
        list_id=LIST_ID,
        rules=rules,
    )
