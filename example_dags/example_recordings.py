"""Copies recordings to an object storage of your own, before VoiceInfra's links to them expire.

``folder`` is any address that ``ObjectStoragePath`` knows, such as ``s3://aws_default@recordings/calls``, with the
provider of that storage installed. A recording is a voice: keep it where only those may listen who have to, and for no
longer than they have to; ``airflow voiceinfra store purge`` does not reach there.
"""

from __future__ import annotations

from typing import Any

import requests
from airflow.sdk import CronTriggerTimetable, ObjectStoragePath, Param, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

GONE = {403, 404, 410}


@dag(
    # Without a start date: it begins with the next hour.
    schedule=CronTriggerTimetable("0 * * * *", timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    # Two at once would both be given the same calls.
    max_active_runs=1,
    params={
        "folder": Param("file:///tmp/recordings", type="string"),
        "agent_id": Param("", type="string", description="Only this agent's calls; empty for all."),
        "within": Param(
            "https://",
            type="string",
            description="Recordings are fetched from addresses that begin so: name VoiceInfra's, with the slash after "
            "its host. Who knows the webhook's secret could lead a worker anywhere else.",
        ),
    },
    tags=["voiceinfra", "example"],
)
def example_recordings():
    @task(retries=3)
    def copy(params: dict[str, Any]) -> dict[str, int]:
        folder = ObjectStoragePath(params["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        counts = {"copied": 0, "gone": 0, "elsewhere": 0}
        # What fails half-way is copied again, over what is there: the name tells the call.
        with VoiceInfraHook().completed_calls(
            cursor="example_recordings", agent_id=params["agent_id"] or None, outcomes=["answered", "voicemail"]
        ) as calls:
            for call in calls:
                url = call.completion.recording_url
                if not url:
                    continue
                if not url.startswith(params["within"]):
                    counts["elsewhere"] += 1
                    continue
                with requests.get(url, stream=True, timeout=60) as answer:
                    if answer.status_code in GONE:
                        counts["gone"] += 1
                        continue
                    answer.raise_for_status()
                    with (folder / f"{call.ref}.mp3").open("wb") as file:
                        for chunk in answer.iter_content(1 << 20):
                            file.write(chunk)
                counts["copied"] += 1
        return counts

    copy()


example_recordings()
