"""One key, one call: what is asked for differently under it, and what is said of that."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.keys import own_key, task_key
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.errors import KeyConflictError, VoiceInfraError
from airflow_provider_voiceinfra.store import schema
from tests.support.call_samples import CALLER, NUMBER, SOURCE, dialer, intent, only_call, request, shows_no_secret
from tests.support.store_samples import deliver, rows
from tests.support.wire import answer, hang_up, queued, queued_each, refuse, wire

pytestmark = pytest.mark.usefixtures("naps")
PACKAGE = "airflow_provider_voiceinfra"
OTHER = {
    "to_number": "+442079460000",
    "from_number": "+442079460001",
    "agent_id": "agent-2",
    "first_message": None,
    "context": "something else",
    "variables": {"name": "Wilhelmina II"},
}


@pytest.mark.parametrize("field", OTHER)
def test_another_request_under_an_own_key_is_refused_by_the_names_of_its_fields(store, field):
    with wire(queued) as server:
        ours = dialer(store, server.url)
        placed = ours.place(intent())
        with pytest.raises(KeyConflictError, match=f": {field} differ") as error:
            ours.place(intent(**{field: OTHER[field]}))
    assert (error.value.ref, error.value.fields) == (placed.ref, [field])
    assert "Nothing was dialled" in str(error.value)
    assert shows_no_secret(str(error.value))
    assert not any(str(value) in str(error.value) for value in OTHER.values() if value)
    assert len(server.requests) == 1


def test_a_call_of_the_row_at_its_other_number_is_found(store):
    def at_its_other_number(**changes):
        return replace(intent(to_number=OTHER["to_number"], **changes), other_numbers=(NUMBER,))

    with wire(queued) as server:
        ours = dialer(store, server.url)
        placed = ours.place(intent())
        assert ours.place(at_its_other_number()) == placed
        with pytest.raises(KeyConflictError, match=": context differ"):
            ours.place(at_its_other_number(context="something else"))
    assert len(server.requests) == 1


def test_another_request_under_a_key_that_is_unknown_is_refused_too(store):
    with wire(hang_up, queued) as server:
        ours = dialer(store, server.url)
        with pytest.raises(VoiceInfraError):
            ours.place(intent())
        with pytest.raises(KeyConflictError):
            ours.place(intent(context="something else"))
    assert len(server.requests) == 1


def test_the_same_request_written_otherwise_is_the_same(store):
    with wire(queued) as server:
        ours = dialer(store, server.url)
        again = intent(from_number="+1 (415) 555-0199", variables=dict(reversed(intent().request.variables.items())))
        assert ours.place(intent(from_number=CALLER)) == ours.place(again)
    assert len(server.requests) == 1


def test_another_request_under_the_default_key_gets_the_call_and_its_fields_are_logged_by_name(store, caplog):
    with wire(queued) as server, caplog.at_level(logging.DEBUG, PACKAGE):
        ours = dialer(store, server.url)
        placed = ours.place(intent(None))
        assert ours.place(intent(None, context="something else", agent_id="agent-2")) == placed
    assert len(server.requests) == 1
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert placed.ref in warning
    assert "other values of agent_id, context;" in warning
    assert "something else" not in caplog.text
    assert only_call(store).request["context"] == intent().request.context


def test_a_retry_that_would_call_another_person_is_refused(store):
    with wire(queued) as server:
        ours = dialer(store, server.url)
        ours.place(intent(None))
        with pytest.raises(KeyConflictError, match="a retry must not call a second person"):
            ours.place(intent(None, to_number=OTHER["to_number"]))
    assert len(server.requests) == 1


def test_another_request_to_the_same_number_under_another_map_index_is_refused(store):
    def moved(**changes):
        source, what = replace(SOURCE, map_index=4), request(**changes)
        return CallIntent(task_key(source, to_number=what.to_number), what, source)

    with wire(queued) as server:
        ours = dialer(store, server.url)
        placed = ours.place(intent(None))
        assert ours.place(moved()) == placed
        with pytest.raises(KeyConflictError, match=r"another map index.*idempotency_key"):
            ours.place(moved(context="something else"))
    assert len(server.requests) == 1


def test_a_retry_that_would_call_another_person_is_refused_also_after_the_first_was_forgotten(store):
    with wire(queued) as server:
        ours = dialer(store, server.url)
        ours.place(intent(None))
        deliver(store, "call-1")
        store.retention.erase(intent().request.to_number)
        with pytest.raises(KeyConflictError, match="to_number differ"):
            ours.place(intent(None, to_number=OTHER["to_number"]))
    assert len(server.requests) == 1


def again(number, key="reminder-7", *, clears=0, **which):
    """Ask under an own key for a number: by another attempt, or after a clear."""
    what = request(to_number=number)
    source = replace(SOURCE, generation=clears)
    return CallIntent(own_key(key, to_number=what.to_number, clear=clears, **which), what, source)


@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "purged"])
@pytest.mark.parametrize("which", [{}, {"attempt": 2}, {"clears": 1}], ids=["again", "redial", "clear"])
def test_nobody_else_is_called_under_an_own_key_also_after_its_call_was_purged(store, which, forgotten):
    with wire(queued, queued_each) as server:
        ours = dialer(store, server.url)
        placed = ours.place(again(NUMBER))
        deliver(store, "call-1", to_number=NUMBER, call_outcome="voicemail")
        if forgotten:
            store.retention.erase(NUMBER)
        with pytest.raises(KeyConflictError, match="to_number differ") as error:
            ours.place(again(OTHER["to_number"], **which))
        assert error.value.ref == placed.ref
        assert len(server.requests) == 1
        # The person themselves may be called again where that is asked for.
        assert (ours.place(again(NUMBER, **which)).ref == placed.ref) == (not which)


@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "purged"])
def test_a_redial_under_the_default_key_calls_nobody_else(store, forgotten):
    def attempt(number, attempt):
        what = request(to_number=number)
        return CallIntent(task_key(SOURCE, to_number=what.to_number, attempt=attempt), what, SOURCE)

    with wire(queued, queued_each) as server:
        ours = dialer(store, server.url)
        ours.place(attempt(NUMBER, 1))
        deliver(store, "call-1", to_number=NUMBER, call_outcome="voicemail")
        if forgotten:
            store.retention.erase(NUMBER)
        with pytest.raises(KeyConflictError, match="to_number differ"):
            ours.place(attempt(OTHER["to_number"], 2))
        assert len(server.requests) == 1
        ours.place(attempt(NUMBER, 2))
    assert len(server.requests) == 2


def test_a_completed_call_is_found_with_what_was_said(store):
    with wire(queued) as server:
        ours = dialer(store, server.url)
        ours.place(intent())
        deliver(store, "call-1", to_number=NUMBER, summary="fine")
        assert ours.place(intent()).completion.summary == "fine"


def test_nothing_logged_or_kept_in_the_history_shows_a_secret(store, caplog):
    echo = str(intent().request.body())
    plays = [queued, refuse(400, "bad", echo), refuse(500, "bad", echo), hang_up, answer(429, None), queued]
    with wire(*plays) as server, caplog.at_level(logging.DEBUG, PACKAGE):
        ours = dialer(store, server.url, retry=RetryPolicy(attempts=2))
        for key in ("one", "two", "three", "four +14155550147", "five 415 555 0147", "one", "three"):
            try:
                ours.place(intent(key))
            except VoiceInfraError as error:
                logging.getLogger(PACKAGE).error("%s", error)
    assert len(server.requests) == 6
    assert "+1415•••0147" in caplog.text
    assert shows_no_secret(caplog.text)
    assert shows_no_secret(str(rows(store, schema.call_event)))
    assert shows_no_secret(str([(call.error_message, call.idempotency_key) for call in store.calls.iterate()]))
