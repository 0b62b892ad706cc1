"""The spool: what is on it is on the disk, whole, and is handed over in order and once."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_voiceinfra.store.errors import StoreUnavailableError, StoreValueError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook import spool_file, spool_folder
from airflow_provider_voiceinfra.webhook.spool import Spool, SpoolDepth
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError
from tests.support.webhooks import body


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

    monkeypatch.setattr(spool_folder.os, "fsync", full)
    with pytest.raises(SpoolError, match="No space left"):
        spool.add([delivery()])
    assert list(spool.folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="file"):
        Spool(tmp_path / "file" / "spool").check()


def test_it_is_on_the_disk_before_it_has_its_name(spool, monkeypatch):
    steps = []
    fsync, rename = os.fsync, spool_folder.Path.rename
    monkeypatch.setattr(spool_folder.os, "fsync", lambda file: (steps.append("fsync"), fsync(file)))
    monkeypatch.setattr(
        spool_folder.Path, "rename", lambda path, target: (steps.append("rename"), rename(path, target))
    )
    spool.add([delivery()])
    assert steps == ["fsync", "rename", "fsync"]


def directory(path):
    path.mkdir()


def dangling(path):
    path.symlink_to("nowhere")


def link_to_itself(path):
    path.symlink_to(path.name)


def pipe(path):
    os.mkfifo(path)


def too_large(path):
    with path.open("wb") as file:
        file.truncate(600 * 1024 * 1024)


def holding(content):
    return lambda path: path.write_bytes(content)


def line(**changed):
    """One delivery, as a file holds it, with something changed."""
    as_it_was = json.loads(spool_file.encode([delivery("call_9")]))[0]
    return json.dumps([as_it_was | changed]).encode()


UNREADABLE = [directory, dangling, link_to_itself, pipe, too_large]
DAMAGED = [
    b"",
    b"[{]",
    b"null",
    b"{}",
    b"[]",
    b"[1]",
    b"\xff\xfe\0",
    b"[" * 100_000,
    line()[:-30],
    line(received_at="2026-11-30T00:00:00"),
    line(received_at="0001-01-01T00:00:00+23:59"),
    line(received_at=None),
    line(headers="none"),
    line(body=5),
    line(body="not base64!"),
    line(webhook_conn_id="a\0"),
    line(webhook_conn_id="a" * 251),
    line(webhook_conn_id=None),
]
NAMES = [
    "notes.spool",
    "00000000000000000001-1-0123456789ab.spool",
    ".spool",
    "-.spool",
    "99999999999999999999-x-y.spool",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [*UNREADABLE, *map(holding, DAMAGED)])
def test_one_bad_file_is_set_aside_and_told_once_and_the_rest_is_handed_over_in_order(spool, caplog, make, name):
    spool.add([delivery("call_1")])
    make(spool.folder / name)
    spool.add([delivery("call_2")])
    assert [each.call_id for each in drained(spool)] == ["call_1", "call_2"]
    assert drained(spool) == []
    assert (len(caplog.records), len(spool.set_aside())) == (1, 1)
    assert spool.depth() == SpoolDepth(0, 0)
    spool.add([delivery("call_3")])
    assert [each.call_id for each in drained(spool)] == ["call_3"]


def test_a_damaged_file_is_kept_as_it_is_however_many_had_its_name(spool):
    spool.check()
    for content in (b"first", b"second"):
        (spool.folder / "notes.spool").write_bytes(content)
        assert drained(spool) == []
    assert sorted(path.read_bytes() for path in spool.folder.iterdir()) == [b"first", b"second"]


def test_a_file_that_was_set_aside_is_handed_over_once_it_is_right(spool):
    spool.add([delivery("call_1")])
    (file,) = spool.folder.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-5])
    assert drained(spool) == []
    (aside,) = spool.folder.iterdir()
    aside.write_bytes(content)
    aside.rename(spool.folder / "right.spool")
    assert [each.call_id for each in drained(spool)] == ["call_1"]
    assert spool.set_aside() == {}


def test_a_file_that_vanishes_holds_nobody_up(spool):
    for number in range(3):
        spool.add([delivery(f"call_{number}")])
    found = []

    def keep(deliveries):
        found.extend(deliveries)
        for path in sorted(spool.folder.iterdir())[:2]:
            path.unlink()

    spool.drain(keep)
    assert [each.call_id for each in found] == ["call_0", "call_2"]


def test_what_the_store_refuses_for_good_is_set_aside(spool):
    spool.add([delivery("call_1")])
    spool.add([delivery("call_2")])
    found = []

    def keep(deliveries):
        if deliveries[0].call_id == "call_1":
            raise StoreValueError("sqlite:///x", "DataError")
        found.extend(deliveries)

    spool.drain(keep)
    assert [each.call_id for each in found] == ["call_2"]
    assert len(spool.set_aside()) == 1


def test_a_mistake_with_one_file_is_told_and_leaves_it_there_for_the_next_time(spool):
    spool.add([delivery("call_1")])
    spool.add([delivery("call_2")])
    found = []

    def keep(deliveries):
        if deliveries[0].call_id == "call_1":
            raise RuntimeError
        found.extend(deliveries)

    with pytest.raises(RuntimeError):
        spool.drain(keep)
    assert [each.call_id for each in found] == ["call_2"]
    assert [each.call_id for each in drained(spool)] == ["call_1"]


def test_a_store_that_is_away_ends_the_draining_at_once(spool):
    for number in range(3):
        spool.add([delivery(f"call_{number}")])
    asked = []

    def keep(deliveries):
        asked.extend(deliveries)
        raise StoreUnavailableError("sqlite:///x", "away")

    with pytest.raises(StoreUnavailableError):
        spool.drain(keep)
    assert len(asked) == 1
    assert spool.depth().deliveries == 3


def test_what_cannot_be_removed_is_handed_over_once_and_holds_nobody_up(spool, monkeypatch):
    spool.add([delivery("call_1")])
    (stuck,) = spool.folder.iterdir()
    spool.add([delivery("call_2")])
    unlink = Path.unlink

    def refuse(path, **options):
        if path == stuck:
            raise PermissionError(1, "Operation not permitted")
        unlink(path, **options)

    found = []
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        for _ in range(3):
            with pytest.raises(PermissionError):
                spool.drain(found.extend)
        assert [each.call_id for each in found] == ["call_1", "call_2"]
        assert spool.depth().deliveries == 0
    assert drained(spool) == []
    assert list(spool.folder.iterdir()) == []


def test_nobody_elses_lock_file_stops_it(spool):
    spool.add([delivery()])
    (spool.folder / "draining").mkdir()
    assert len(drained(spool)) == 1
    assert spool.set_aside() == {}


def test_a_check_writes_to_the_disk_and_leaves_nothing(spool, monkeypatch):
    spool.check()
    assert list(spool.folder.iterdir()) == []

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_folder.os, "fsync", full)
    with pytest.raises(SpoolError, match="No space left"):
        spool.check()
    assert list(spool.folder.iterdir()) == []


def test_a_spool_that_has_no_room_is_said_to_be_full(tmp_path):
    with pytest.raises(SpoolError, match="full"):
        Spool(tmp_path / "spool", limit=1_000).check()


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
