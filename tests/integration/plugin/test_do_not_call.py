"""The do-not-call list on the Calls page: for those who may edit all DAGs, and each change under their name."""

from __future__ import annotations

import pytest

from tests.integration.plugin.conftest import NUMBER, act, get, toast
from tests.integration.plugin.test_pages import text
from tests.support.rights import rights


def test_a_number_is_found_added_and_removed_under_the_users_name(visit, store):
    client = visit()
    assert "is not on the do-not-call list" in text(act(client, "/do-not-call/find", number="+1 415 555 0100"))
    assert toast(act(client, "/do-not-call/add", number=NUMBER, reason="asked by e-mail")).startswith("+1415•••0100 is")
    assert "asked by e-mail" in get(client, "/do-not-call").text
    found = text(act(client, "/do-not-call/find", number=NUMBER))
    assert "is on the do-not-call list" in found
    assert "added by admin" in found
    assert "asked by e-mail" in found
    assert "may be called again" in toast(act(client, "/do-not-call/remove", number=NUMBER, reason="asked again"))
    assert [(event.action, event.actor, event.reason) for event in store.do_not_call.history(NUMBER)] == [
        ("added", "admin", "asked by e-mail"),
        ("removed", "admin", "asked again"),
    ]
    assert "asked by e-mail" not in get(client, "/do-not-call").text


def test_a_change_needs_a_reason_and_a_number_that_can_be_called(visit, store):
    client = visit()
    for path in ("/do-not-call/add", "/do-not-call/remove"):
        answer = act(client, path, number=NUMBER, reason=" ")
        assert answer.status_code == 422
        assert "Enter a reason" in answer.text
        assert act(client, path, number="tomorrow", reason="asked").status_code == 422
    assert "not a phone number" in act(client, "/do-not-call/find", number="tomorrow").text
    assert store.do_not_call.newest() == []


@pytest.mark.parametrize("may", [rights(read="one"), rights(read="one", edit="one")])
def test_who_may_not_edit_all_dags_sees_and_changes_nothing(visit, store, may):
    store.do_not_call.add([NUMBER], actor="ada", reason="said so")
    client = visit("bob", may)
    assert get(client, "/do-not-call").status_code == 403
    for path in ("/do-not-call/find", "/do-not-call/add", "/do-not-call/remove"):
        assert act(client, path, number=NUMBER, reason="curious").status_code == 403
    assert len(store.do_not_call.history(NUMBER)) == 1


def test_numbers_of_other_environments_are_masked_for_everybody(visit, store):
    store.do_not_call.add([NUMBER], actor="ada", reason="said so")
    shown = get(visit(), "/do-not-call").text + act(visit(), "/do-not-call/find", number=NUMBER).text
    assert "+1415•••0100" in shown
    assert NUMBER not in shown.replace(f'value="{NUMBER}"', "")
