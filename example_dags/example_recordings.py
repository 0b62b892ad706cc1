"""Copy recordings to your own object storage, before VoiceInfra's links to them expire.

``folder`` is any URL that ``ObjectStoragePath`` supports, such as ``s3://aws_default@recordings/calls``, with the
provider of that storage installed. Recordings are personal data: restrict access, and delete them when you no longer
need them. ``airflow voiceinfra store purge`` does not reach them.
"""

from __future__ import annotations

from typing import Any

import requests
from airflow.sdk import CronTriggerTimetable, ObjectStoragePath, Param, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

GONE = {403, 404, 410}


@dag(
    # No start date: it starts with the next hour.
    schedule=CronTriggerTimetable("0 * * * *", timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    # Two runs at once would get the same calls.
    max_active_runs=1,
    params={
        "folder": Param("file:///tmp/recordings", type="string"),
        "agent_id": Param("", type="string", description="Only this agent's calls; empty for all."),
        "within": Param(
            "https://",
            type="string",
            description="Download only URLs with this prefix. Set VoiceInfra's host, with a slash after it: a person "
            "who knows the webhook secret could otherwise send a worker to any other URL.",
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
        # After a failure, recordings are copied again and overwritten: the file is named after the call.
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
