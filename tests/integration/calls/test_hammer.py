"""Many processes, killed and stopped while they place calls: ``python -m tests.benchmarks.hammer``, in short."""

from __future__ import annotations

from tests.benchmarks.hammer.asks import Plan
from tests.benchmarks.hammer.judge import Fate
from tests.benchmarks.hammer.run import hammer


def test_whatever_breaks_no_call_is_placed_twice_and_none_is_lost(empty_store_url):
    result = hammer(empty_store_url, Plan(calls=300))
    assert not result.judgement.evidence, "\n".join(result.judgement.evidence)
    assert result.row[Fate.TWICE] == result.row[Fate.LOST] == 0
    assert result.judgement.recovered
    assert sum(result.row.values()) == 2 * 300
