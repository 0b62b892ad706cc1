"""What a task remembers from one try to the next, where its XComs are gone."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.context import remember_store
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError


class Memory(dict):
    """Airflow's own, as far as it is used."""

    def set(self, key, value):
        self[key] = value


@pytest.fixture
def another(tmp_path):
    store = CallStore(f"sqlite:///{tmp_path}/another.db")
    store.migrate()
    yield store
    store.close()


def test_all_tries_use_one_store_and_one_environment_of_it(store, open_store, another):
    context = {"task_state_store": Memory()}
    for _ in range(2):
        remember_store(context, store)
    for other in (another, open_store(environment="production")):
        with pytest.raises(StoreError, match="Nothing was dialled"):
            remember_store(context, other)


def test_where_airflow_remembers_nothing_nothing_is_refused(store, another):
    for each in (store, another):
        remember_store({}, each)
