"""A spool belongs to one call store: another one neither adds to it nor takes from it."""

from __future__ import annotations

import os

import pytest

from airflow_provider_voiceinfra.webhook import spool_owner
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError
from airflow_provider_voiceinfra.webhook.spool_owner import SpoolOwner

A, B = "postgresql://one/db", "postgresql://two/db"


@pytest.fixture
def claim(tmp_path):
    """Claim the folder, as a receiver does that has just started."""

    def claim(store_id=None, url=A):
        owner = SpoolOwner(tmp_path / "spool", url)
        owner.store_id = store_id
        owner.claim()

    return claim


def test_receivers_of_one_store_share_a_folder_whether_it_is_there_or_away(claim):
    for store_id in (None, "a", None, "a", "a"):
        claim(store_id)


def test_another_store_is_refused_whoever_is_away(claim):
    claim("a", A)
    with pytest.raises(SpoolError, match="belongs to another call store"):
        claim("b", B)
    with pytest.raises(SpoolError, match="once this store answers"):
        claim(None, B)
    claim("a", A)


def test_so_it_is_where_the_first_one_was_away_when_it_came(claim):
    claim(None, A)
    with pytest.raises(SpoolError, match="once this store answers"):
        claim(None, B)
    with pytest.raises(SpoolError, match="belongs to another call store"):
        claim("b", B)
    claim("a", A)
    with pytest.raises(SpoolError, match="belongs to another call store"):
        claim("b", B)


def test_a_store_that_is_reached_by_another_url_is_the_same_one_and_is_known_by_it_from_then_on(claim):
    claim("a", A)
    with pytest.raises(SpoolError):
        claim(None, B)
    claim("a", B)
    claim(None, B)
    claim(None, A)


def test_a_store_that_was_restored_is_the_same_one(claim):
    claim("a", A)
    claim("a", "postgresql://restored/db")


def test_a_store_that_has_replaced_another_one_at_the_same_place_is_another_one(claim):
    claim("a", A)
    with pytest.raises(SpoolError, match="remove the files"):
        claim("b", A)


def test_a_person_may_give_the_folder_to_the_store_that_has_replaced_another_one(claim, tmp_path):
    claim("a", A)
    for path in (tmp_path / "spool").iterdir():
        path.unlink()
    claim("b", A)
    with pytest.raises(SpoolError):
        claim("a", A)


def test_of_two_stores_that_come_at_once_only_one_stays(claim, tmp_path, monkeypatch):
    write, came = spool_owner.SpoolFolder.write, []

    def at_once(folder, name, content):
        if not came:
            came.append(1)
            claim("a", A)
        write(folder, name, content)

    claim("b", B)
    for path in (tmp_path / "spool").iterdir():
        path.unlink()
    monkeypatch.setattr(spool_owner.SpoolFolder, "write", at_once)
    with pytest.raises(SpoolError):
        claim("b", B)
    claim("a", A)


def test_its_files_need_not_be_read(claim, tmp_path):
    claim("a", A)
    for path in (tmp_path / "spool").iterdir():
        path.unlink()
        os.mkfifo(path)
    claim("a", A)
    with pytest.raises(SpoolError):
        claim("b", B)


def test_nothing_secret_is_in_their_names(claim, tmp_path):
    claim("a", "postgresql+psycopg://user:***@host/db")
    assert not any("user" in path.name or "host" in path.name for path in (tmp_path / "spool").iterdir())


@pytest.mark.parametrize("store_id", [None, "a"], ids=["store is away", "store is there"])
def test_two_threads_that_claim_a_new_folder_at_once_may_both_use_it(tmp_path, monkeypatch, store_id):
    first, second = (SpoolOwner(tmp_path / "spool", A) for _ in range(2))
    first.store_id = second.store_id = store_id

    def is_there_a_moment_later(_):
        first.claim()
        return False

    monkeypatch.setattr(second, "_is_there", is_there_a_moment_later)
    second.claim()
