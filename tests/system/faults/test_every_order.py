"""The protocol's model, explored further than the unit tests have time for."""

from __future__ import annotations

import pytest

from tests.unit.calls.protocol import FATES
from tests.unit.calls.test_protocol import explore


@pytest.mark.parametrize("fate", FATES)
def test_every_order_of_two_owners_places_one_at_most(migrated_sqlite, fate):
    explore(migrated_sqlite, fate, steps=6)
