"""The call store as a dependency of the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from airflow_provider_voiceinfra.store.call_store import CallStore


async def get_store(request: Request) -> CallStore:
    """Give the application's call store."""
    store: CallStore = request.app.state.store
    return store


StoreDep = Annotated[CallStore, Depends(get_store)]
