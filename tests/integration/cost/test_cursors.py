"""Reading on costs what is new, not what is there."""

from __future__ import annotations

import pytest

from tests.integration.cost.steps import steps
from tests.support.cursors import complete, read


@pytest.mark.parametrize("past", [3, 600])
def test_reading_on(store, past):
    complete(store, *[f"old-{number}" for number in range(past)])
    read(store)
    complete(store, "a", "b", "c")
    found = []
    assert 0 < steps(store, lambda: found.extend(read(store))) < 2_000
    assert found == ["a", "b", "c"]
