"""``/health`` says whether webhooks can be taken, and whether they come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.webhook import health as health_module
from airflow_provider_voiceinfra.webhook.delivery_buffer import DeliveryBuffer
from airflow_provider_voiceinfra.webhook.health import Health
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from airflow_provider_voiceinfra.webhook.spool import Spool
from tests.support.store_samples import deliver, queued
from tests.support.webhooks import body
from tests.unit.webhook.conftest import health, post


def claimed_ago(store, claim, ago):
    with store.database.write() as tx:
        tx.execute(
            sa.update(schema.call).where(schema.call.c.id == claim.id).values(claimed_at=datetime.now(UTC) - ago)
        )


@pytest.fixture(autouse=True)
def looked_at_anew(monkeypatch):
    monkeypatch.setattr(health_module, "_FRESH", -1.0)


def test_all_is_well(serving, store):
    with serving(store) as url:
        assert health(url) == (
            200,
            {
                "status": "ok",
                "reasons": [],
                "can_take_webhooks": True,
                "store": "ok",
                "spool": {"state": "none"},
                "webhooks": {"voiceinfra_default": "ok"},
                "oldest_open_call_seconds": 0,
            },
        )


def test_a_webhook_without_a_secret_is_named(serving, store):
    with serving(store, {"voiceinfra_default": ["s"], "second": []}, conn_ids=["voiceinfra_default", "second"]) as url:
        code, said = health(url)
        assert said["webhooks"] == {"second": "no webhook_secret is known", "voiceinfra_default": "ok"}
        assert (code, said["status"]) == (200, "degraded")
        assert said["reasons"] == ["no webhook_secret is known: second"]


def test_without_any_secret_no_webhook_can_be_taken(serving, store):
    with serving(store, {"voiceinfra_default": []}) as url:
        code, said = health(url)
        assert (code, said["status"], said["store"]) == (503, "unavailable", "ok")


@pytest.mark.parametrize("age", ["soon", "-1", "9" * 5_000])
def test_an_age_that_is_none_is_refused(serving, store, age):
    with serving(store) as url:
        assert health(url, max_open_age=age)[0] == 400


def test_a_store_that_can_only_be_read_is_not_well(serving, store, kind):
    read_only = "PRAGMA query_only=ON" if kind == "sqlite" else "SET TRANSACTION READ ONLY"
    sa.event.listen(store.database.engine, "begin", lambda tx: tx.exec_driver_sql(read_only))
    with serving(store) as url:
        code, said = health(url)
        assert (code, said["store"]) == (503, "cannot be written")


def test_a_bad_file_on_the_spool_is_a_reason(serving, store, tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.check()
    (spool.folder / "notes.spool").mkdir()
    with serving(store, spool=spool) as url:
        code, said = health(url)
        assert (code, said["status"]) == (200, "degraded")
        assert said["reasons"] == ["files of the spool are set aside, see the log: 1"]
        assert said["spool"] == {"state": "ok", "deliveries": 0, "bytes": 0, "set_aside": 1}
        (spool.folder / "notes.spool").rmdir()
        assert health(url)[1]["status"] == "ok"


def test_a_spool_that_cannot_be_used_is_a_reason_and_webhooks_go_to_the_store(serving, store, tmp_path):
    (tmp_path / "file").touch()
    with serving(store, spool=Spool(tmp_path / "file" / "spool")) as url:
        code, said = health(url)
        assert (code, said["status"]) == (200, "degraded")
        assert "cannot be written" in said["reasons"][0]
        assert post(url, body()).status_code == 200


def test_a_call_that_is_open_for_too_long_means_that_webhooks_have_stopped(serving, store):
    with serving(store) as url:
        claimed_ago(store, queued(store, "call_1"), timedelta(seconds=1_000))
        assert health(url)[0] == 200
        assert health(url, max_open_age=1_800)[0] == 200
        code, said = health(url, max_open_age=900)
        assert (code, said["status"]) == (503, "degraded")
        assert "open for too long" in said["reasons"][0]
        assert 1_000 <= said["oldest_open_call_seconds"] < 1_100
        deliver(store, "call_1")
        assert health(url, max_open_age=900)[0] == 200


def test_a_call_that_was_lost_long_ago_alarms_nobody_for_ever(serving, store):
    claimed_ago(store, queued(store, "call_1"), timedelta(days=2))
    with serving(store) as url:
        assert health(url, max_open_age=900)[0] == 200


@pytest.fixture
def looks(store, monkeypatch):
    """The looks at the store, each of which serves for a minute."""
    looks = []
    check = store.check_writing
    monkeypatch.setattr(store, "check_writing", lambda: (looks.append(1), check()))
    monkeypatch.setattr(health_module, "_FRESH", 60.0)
    return looks


def test_strangers_who_ask_do_not_keep_the_store_busy(serving, store, looks):
    with serving(store) as url:
        for _ in range(20):
            health(url)
    assert len(looks) == 1


def test_who_asks_in_the_moment_in_which_a_look_ends_is_served_by_it_too(store, looks, figures):
    async def ask_in_each_turn():
        found = Health(
            DeliveryBuffer(store, None, figures), WebhookSecrets(lambda _: ["s"]), ["voiceinfra_default"]
        ).found
        first = asyncio.create_task(found())
        others = []
        while not first.done():
            others.append(asyncio.create_task(found()))
            await asyncio.sleep(0)
        await asyncio.gather(*others)

    asyncio.run(ask_in_each_turn())
    assert len(looks) == 1
