"""The spool: what is on it is on the disk, whole, and is handed over in order and once."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.store.delivery import Delivery
from airflow_provider_voiceinfra.webhook import spool as spool_module
from airflow_provider_voiceinfra.webhook.spool import Spool, SpoolDepth, SpoolError
from tests.unit.webhook.conftest import body


def delivery(call_id="call_1"):
    return Delivery.read("conn", datetime.now(UTC), body(call_id), {"x-voiceinfra-signature": "s"})


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def drained(spool):
    found = []
    spool.drain(found.extend)
    return found


def test_what_goes_in_comes_out_in_order_and_once(spool):
    added = [delivery(f"call_{number}") for number in range(5)]
    spool.add(added[:3])
    spool.add(added[3:])
    assert spool.depth().deliveries == 5
    assert drained(Spool(spool.folder)) == added
    assert drained(spool) == []
    assert spool.depth() == SpoolDepth(0, 0)


def test_what_is_not_taken_stays(spool):
    spool.add([delivery()])

    def refuse(_):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spool.drain(refuse)
    assert len(drained(spool)) == 1


def test_nobody_else_may_read_it(spool):
    spool.add([delivery()])
    (file,) = spool.folder.glob("*.spool")
    assert file.stat().st_mode & 0o777 == 0o600
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_it_is_bounded(tmp_path):
    spool = Spool(tmp_path / "spool", limit=300)
    spool.add([delivery()])
    with pytest.raises(SpoolError, match="300"):
        spool.add([delivery()])
    assert len(drained(spool)) == 1


def test_a_disk_that_is_full_keeps_nothing_half(spool, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module.os, "fsync", full)
    with pytest.raises(SpoolError, match="No space left"):
        spool.add([delivery()])
    assert list(spool.folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="file"):
        Spool(tmp_path / "file" / "spool").check()


def test_it_is_on_the_disk_before_it_has_its_name(spool, monkeypatch):
    steps = []
    fsync, rename = os.fsync, spool_module.Path.rename
    monkeypatch.setattr(spool_module.os, "fsync", lambda file: (steps.append("fsync"), fsync(file)))
    monkeypatch.setattr(
        spool_module.Path, "rename", lambda path, target: (steps.append("rename"), rename(path, target))
    )
    spool.add([delivery()])
    assert steps == ["fsync", "rename", "fsync"]


def test_a_damaged_file_is_set_aside_and_holds_nobody_up(spool):
    spool.add([delivery("call_1")])
    (file,) = spool.folder.glob("*.spool")
    file.write_bytes(b"[{]")
    spool.add([delivery("call_2")])
    assert [each.call_id for each in drained(spool)] == ["call_2"]
    assert [path.name for path in spool.folder.glob("*.damaged")] == [file.with_suffix(".damaged").name]


def test_what_a_dead_process_left_unfinished_is_removed_in_time(spool):
    spool.check()
    old, new = spool.folder / "1-1-a.tmp", spool.folder / "2-1-b.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 7_200,) * 2)
    assert drained(spool) == []
    assert (old.exists(), new.exists()) == (False, True)


def test_two_processes_do_not_drain_it_at_once(spool):
    spool.add([delivery()])
    seen = []

    def keep(deliveries):
        seen.extend(deliveries)
        Spool(spool.folder).drain(seen.extend)

    spool.drain(keep)
    assert len(seen) == 1
