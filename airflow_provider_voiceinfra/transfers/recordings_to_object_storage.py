"""Copies the recordings of calls to object storage."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.templates import TemplatedOperator
from airflow_provider_voiceinfra.transfers.which_calls import check_which, read_attempts

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_voiceinfra.store.models import Call
    from airflow_provider_voiceinfra.transfers.recording_download import RecordingDownload

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$", re.ASCII)
# A recording can be fetched shortly after its call has ended.
_READY_AFTER = timedelta(hours=1)
_NAMED = 10


class RecordingsToObjectStorageOperator(TemplatedOperator):
    """Copies each recording once to a folder of an object storage; its file is named after the ref of its call.

    A recording is written under a temporary name, and renamed when it is complete: a task that is killed leaves no
    half file under a final name, and its next try copies what is missing. Returns how many were ``copied``, how many
    were there already, and how many are gone.

    The task fails at its end, after all other recordings are copied, if recordings were refused: their host is not
    allowed, they are redirected, or too large. It is retried if a download failed, or a recording of the last hour
    is not there yet.

    :param list_id: copy recordings of this list's calls, such as ``call_list.output["list_id"]``. (templated)
    :param since: or of all calls that have changed since this time: a datetime or an ISO 8601 string, in UTC if it has
        no time zone, such as ``{{ prev_start_date_success or '2026-01-01' }}``. (templated)
    :param path: a folder for Airflow's ``ObjectStoragePath``, such as ``s3://aws_default@recordings/calls``. It needs
        the provider of that storage. (templated)
    :param allowed_hosts: hosts from which recordings are downloaded, such as ``recordings.voiceinfra.ai``, or
        ``*.voiceinfra.ai`` for all hosts of a domain. A webhook can name any URL.
    :param max_bytes: the maximum size of a recording.
    """

    template_fields: Sequence[str] = ("list_id", "since", "path")
    text_fields: ClassVar[Sequence[str]] = template_fields

    def __init__(
        self,
        *,
        list_id: str | None = None,
        since: datetime | str | None = None,
        path: str,
        allowed_hosts: Collection[str] = ("*.voiceinfra.ai",),
        max_bytes: int = 500_000_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_which(list_id, since)
        arguments.strings(path=path)
        self.list_id = list_id
        self.since = since
        self.path = path
        self.allowed_hosts = arguments.names("allowed_hosts", allowed_hosts)
        self.max_bytes = arguments.whole_number("max_bytes", max_bytes, least=1)

    def execute(self, context: Context) -> dict[str, int]:
        """Copy the recordings that are not there yet, one at a time."""
        from airflow.sdk import ObjectStoragePath

        from airflow_provider_voiceinfra.transfers.recording_download import (
            RecordingDownload,
            RecordingError,
            RecordingGoneError,
            RecordingRefusedError,
        )

        folder, download = ObjectStoragePath(self.path), RecordingDownload(self.allowed_hosts, self.max_bytes)
        folder.mkdir(parents=True, exist_ok=True)
        counts = Counter(copied=0, already_copied=0, gone=0)
        refused: defaultdict[str, list[str]] = defaultdict(list)
        failed: defaultdict[str, list[str]] = defaultdict(list)
        for call in (attempt.call for page in read_attempts(self.list_id, self.since) for attempt in page):
            if call.completion is None or not call.completion.recording_url:
                continue
            try:
                is_new = self._copy(call, call.completion.recording_url, folder, download, _unfinished(context))
                counts["copied" if is_new else "already_copied"] += 1
            except RecordingRefusedError as error:
                refused[str(error)].append(call.ref)
            except RecordingError as error:
                failed[str(error)].append(call.ref)
            except RecordingGoneError:
                if call.completed_at and call.completed_at > datetime.now(UTC) - _READY_AFTER:
                    failed["it is not there yet"].append(call.ref)
                else:
                    counts["gone"] += 1
        _remove_leftovers(folder, context)
        self.log.info("Recordings in %s: %s.", folder, dict(counts))
        if failed:
            raise AirflowException(f"Recordings could not be copied: {_describe(failed | refused)}.")
        if refused:
            raise AirflowFailException(f"Recordings are not copied: {_describe(refused)}.")
        return dict(counts)

    def _copy(
        self, call: Call, url: str, folder: ObjectStoragePath, download: RecordingDownload, unfinished: str
    ) -> bool:
        """Copy a recording.

        :param unfinished: ends the name of a file that is not complete.
        :return: whether it was not there yet.
        """
        suffix = _SUFFIX.search(re.split(r"[?#]", url)[0])
        target = folder / f"{call.ref}{suffix[0].lower() if suffix else ''}"
        if target.exists():
            return False
        temporary = folder / f"{call.ref}{unfinished}"
        with download.open(url) as chunks:
            try:
                with temporary.open("wb") as file:
                    for chunk in chunks:
                        file.write(chunk)
                temporary.fs.mv(temporary.path, target.path)
            except BaseException:
                if temporary.exists():
                    temporary.unlink()
                raise
        return True


def _unfinished(context: Context) -> str:
    """Return a suffix of files that no other task, and no other try of this one, uses at the same time."""
    return f".{_name_of_task(context)}.{context['ti'].try_number}.part"


def _remove_leftovers(folder: ObjectStoragePath, context: Context) -> None:
    """Remove what earlier tries of this task have left because they were killed."""
    for number in range(1, context["ti"].try_number):
        for leftover in folder.glob(f"*.{_name_of_task(context)}.{number}.part"):
            leftover.unlink(missing_ok=True)


def _name_of_task(context: Context) -> str:
    from airflow_provider_voiceinfra.store.hashing import hash_key, join_parts

    ti = context["ti"]
    return hash_key(join_parts(ti.dag_id, ti.run_id, ti.task_id, ti.map_index))[:12]


def _describe(reasons: dict[str, list[str]]) -> str:
    """Name the first calls for each reason."""
    return "; ".join(
        f"{', '.join(refs[:_NAMED])}{f' and {len(refs) - _NAMED} more' if len(refs) > _NAMED else ''}, because {reason}"
        for reason, refs in sorted(reasons.items())
    )
