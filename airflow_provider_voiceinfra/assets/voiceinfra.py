"""The assets of VoiceInfra: ``voiceinfra://calls/completed``, the calls that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.sdk import Asset

HOST = "calls"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check the URI of an asset.

    :raises ValueError: if it is not ``voiceinfra://calls/…``; your own parts, such as an agent, may follow.
    """
    if uri.netloc != HOST or uri.path in {"", "/"}:
        raise ValueError("URI format voiceinfra:// must be voiceinfra://calls/…, such as voiceinfra://calls/completed")
    return uri


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> Dataset:  # noqa: ARG001 - as Airflow calls it
    """Return the asset as a dataset of OpenLineage."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parsed = urlsplit(asset.uri)
    return Dataset(namespace=f"{parsed.scheme}://{parsed.netloc}", name=parsed.path.strip("/"))
