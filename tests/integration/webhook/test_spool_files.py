"""A receiver whose spool holds files that nobody can read: the others go on, nothing is deleted, and health says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.receiver.webhooks import body, sign
from tests.support.webhooks import wait_until

# What root may not read either.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture
def receiver(tmp_path, migrated_sqlite):
    """A receiver by itself, whose store is away."""
    process = ReceiverProcess(tmp_path, f"sqlite:///{tmp_path}/voiceinfra.db", before=AS_ANYBODY)
    process.start()
    yield process
    process.kill()


def post(receiver, call_id):
    content = body(call_id)
    headers = {"X-VoiceInfra-Signature": sign(content)}
    return requests.post(f"{receiver.url}/webhook", data=content, headers=headers, timeout=120).status_code


def health(receiver):
    answer = requests.get(f"{receiver.url}/health", timeout=120)
    return answer.status_code, answer.json()


def unreadable(path: Path) -> None:
    path.write_bytes(b"[]")
    path.chmod(0)


def somebody_elses_lock(path: Path) -> None:
    lock = path.with_name("draining")
    lock.touch()
    lock.chmod(0)
    unreadable(path)


def truncate(path: Path) -> None:
    (whole, *_) = sorted(path.parent.glob("*-*.spool"))
    path.write_bytes(whole.read_bytes()[:-10])


def stray(path: Path) -> None:
    path.with_name("notes.spool").write_text("to do")


BAD = [unreadable, somebody_elses_lock, Path.mkdir, truncate, stray, lambda path: path.symlink_to("nowhere"), os.mkfifo]


@pytest.mark.parametrize("make", BAD)
def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_in_the_store_in_order(
    receiver, tmp_path, migrated_sqlite, make
):
    spool = tmp_path / "voiceinfra-spool"
    assert [post(receiver, f"call_{number}") for number in range(2)] == [200, 200]
    # Before, among and after those that are there.
    make(spool / "00000000000000000001-1-0123456789ab.spool")
    assert [post(receiver, f"call_{number}") for number in range(2, 4)] == [200, 200]
    shutil.copy(migrated_sqlite, tmp_path / "voiceinfra.db")
    store = CallStore(f"sqlite:///{tmp_path}/voiceinfra.db")

    def in_store():
        with store.database.read() as tx:
            return list(tx.scalars(sa.select(schema.completion.c.call_id).order_by(schema.completion.c.id)))

    wait_until(lambda: len(in_store()) == 4)
    assert in_store() == [f"call_{number}" for number in range(4)]
    wait_until(lambda: health(receiver)[1]["spool"]["deliveries"] == 0)
    code, said = health(receiver)
    assert (code, said["status"], said["spool"]["set_aside"]) == (200, "degraded", 1)
    assert post(receiver, "call_4") == 200
    wait_until(lambda: "call_4" in in_store())
    store.close()


def test_a_file_that_becomes_readable_is_in_the_store_without_a_restart(receiver, tmp_path, migrated_sqlite):
    spool = tmp_path / "voiceinfra-spool"
    assert post(receiver, "call_1") == 200
    (file,) = spool.glob("*.spool")
    file.chmod(0)
    shutil.copy(migrated_sqlite, tmp_path / "voiceinfra.db")
    store = CallStore(f"sqlite:///{tmp_path}/voiceinfra.db")
    wait_until(lambda: health(receiver)[1]["store"] == "ok")
    assert health(receiver)[1]["status"] == "degraded"
    assert store.calls.completion("call_1") is None
    file.chmod(0o600)
    wait_until(lambda: store.calls.completion("call_1"))
    wait_until(lambda: health(receiver)[1]["status"] == "ok")
    store.close()


def test_once_webhooks_can_be_kept_nowhere_health_says_503(receiver, tmp_path, migrated_sqlite):
    spool = tmp_path / "voiceinfra-spool"
    assert post(receiver, "call_1") == 200
    wait_until(lambda: health(receiver)[:1] == (200,))
    spool.chmod(0o500)
    wait_until(lambda: health(receiver)[0] == 503)
    assert health(receiver)[1]["status"] == "unavailable"
    assert post(receiver, "call_2") == 503
    shutil.copy(migrated_sqlite, tmp_path / "voiceinfra.db")
    wait_until(lambda: post(receiver, "call_2") == 200)
    wait_until(lambda: health(receiver)[0] == 200)
    code, said = health(receiver)
    assert (code, said["status"], said["store"]) == (200, "degraded", "ok")
    spool.chmod(0o700)
    wait_until(lambda: health(receiver)[1]["status"] == "ok")
