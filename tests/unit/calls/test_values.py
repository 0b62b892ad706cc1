"""Values of numpy, pandas and lazy XComs are plain values where a call is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.calls.request import plain_object
from tests.support.data_frames import NaTType, NAType, Scalar, Timestamp

TIME = datetime(2026, 11, 23, 15, tzinfo=UTC)


class Lazy(Sequence):
    """As the output of a mapped task."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return [1, Scalar(2)][index]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Scalar(7), 7),
        (Scalar(1, "b"), 1),
        (Scalar("Ada", "U"), "Ada"),
        (Scalar(float("nan"), "f"), None),
        (Scalar([1, float("nan")], "f"), [1, None]),
        (Scalar(TIME, "M"), "2026-11-23T15:00:00+00:00"),
        (Scalar(None, "M"), None),
        (Timestamp(2026, 11, 23, 15, tzinfo=UTC), "2026-11-23T15:00:00+00:00"),
        (NAType(), None),
        (NaTType(), None),
        (float("nan"), None),
        (Lazy(), [1, 2]),
        ({"a": Lazy(), "b": [NaTType()]}, {"a": [1, 2], "b": [None]}),
        ("", ""),
    ],
)
@pytest.mark.parametrize("field", ["variables", "metadata"])
def test_in_variables_and_metadata(field, value, plain):
    assert plain_object(field, {"value": value}) == {"value": plain}
