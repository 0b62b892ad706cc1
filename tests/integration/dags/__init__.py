"""Tests of operators, sensors, notifiers and transfers, by ``dag.test()`` as users have it."""
