"""Every order in which two owners of one key may take their steps, and every death of the first, on the model.

At the grain of transactions and POSTs; test_protocol.py goes down to single statements, at random.
"""

from __future__ import annotations

import itertools

import pytest

from tests.integration.calls.protocol import FATES, new_world


def run_in_order(world_, order, fate, death):
    """Run two owners for one key in an order of their transactions; the first is killed after some of its steps."""
    first, second = world_.start("one"), world_.start("one")
    steps = {first: 0, second: 0}
    for turn in order:
        owner = (first, second)[turn]
        if owner is first and steps[first] == death:
            owner.kill()
        while owner.can_go_on:
            owner.step(fate if owner is first else "taken")
            if owner.waits_for in {"BEGIN IMMEDIATE", "POST"}:
                break
        steps[owner] += 1


def explore(template, fate, steps):
    """Go through all orders of two owners' transactions and POSTs, and all deaths of the first."""
    for order in itertools.product((0, 1), repeat=steps):
        for death in range(order.count(0) + 1):
            with new_world(template) as made:
                run_in_order(made, order, fate, death)
                made.finish()
                made.check_nobody_is_called_twice()
                made.check_no_call_is_lost()


@pytest.mark.parametrize("steps", [5, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fate", FATES)
def test_every_order_of_two_owners_places_one_at_most(migrated_sqlite, fate, steps):
    explore(migrated_sqlite, fate, steps)
