"""The store whose steps can be counted; what PostgreSQL takes is measured in ``tests/benchmarks``."""

from __future__ import annotations

import pytest


@pytest.fixture
def kind():
    return "sqlite"
