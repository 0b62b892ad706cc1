"""What docs/threat_model.md says of those who are signed in: a filter is a value, never SQL, a pattern or a path."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from airflow_provider_voiceinfra.store.models import Source
from tests.integration.plugin.conftest import claim, find, get
from tests.support.rights import rights

EVIL = [
    "' OR '1'='1",
    "one'; DROP TABLE voiceinfra_call; --",
    "%",
    "_ne",
    "o%",
    "../one",
    "one\0",
    "\\",
    "$1",
    ":dag",
    "*",
]


@pytest.mark.parametrize("field", ["dag", "run", "list", "outcome"])
@pytest.mark.parametrize("evil", EVIL)
def test_a_filter_finds_what_it_names_and_nothing_else(visit, store, field, evil):
    ours = claim(store, "one", source=Source("one", "run", "run", "task"))
    client = visit("ada", rights(read="one"))
    for answer in (get(client, **{field: evil}), client.get(find(client, **{field: evil}))):
        assert answer.status_code in {200, 400}
        assert ours.ref not in answer.text
    assert ours.ref in get(client).text


@pytest.mark.parametrize("evil", EVIL)
def test_an_address_names_a_call_or_a_list_and_nothing_else(visit, store, evil):
    claim(store, "one", source=Source("one", "run", "run", "task"))
    client = visit("ada", rights(read="one"))
    for path in (f"/{evil}", f"/{evil}/now", f"/lists/{evil}", f"/lists/{evil}/rows.csv"):
        assert client.get(f"/voiceinfra/calls{quote(path)}").status_code in {400, 404, 422}


@pytest.mark.parametrize(
    "place", [{"before": "1 OR 1=1"}, {"after": "9-9; --"}, {"since": "' OR 1"}, {"state": "' OR 1"}]
)
def test_what_is_no_place_is_refused(visit, store, place):
    claim(store, "one")
    assert get(visit(), **place).status_code == 400
