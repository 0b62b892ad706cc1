"""The first schema. A new store is created from ``store/schema.py``; only the revisions after this one run."""

from __future__ import annotations

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Change nothing: a store of this revision has its tables."""
