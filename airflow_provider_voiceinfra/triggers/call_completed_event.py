"""Triggers asset events of Airflow when calls have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_voiceinfra.arguments import choices, flags, strings
from airflow_provider_voiceinfra.store.models import OUTCOMES
from airflow_provider_voiceinfra.triggers.serialized import SerializedTrigger


class CallCompletedEventTrigger(SerializedTrigger, BaseEventTrigger):
    """Fires for every call that becomes completed, as the trigger of an ``AssetWatcher``.

    An event only wakes a DAG up: in a burst, Airflow does not create a run for each event. To process every call, use
    :meth:`~airflow_provider_voiceinfra.hooks.voiceinfra.VoiceInfraHook.completed_calls`, which skips none.

    All triggers of a triggerer share one poller of the call store. When a trigger starts, it fires for the newest call
    of the last day, because that may have ended while no triggerer ran.

    :param agent_id: only calls of this agent.
    :param outcomes: only calls with one of these outcomes, such as ``["voicemail", "failed"]``.
    :param include_foreign: also calls that were not placed from here, whose webhooks arrive all the same.
    """

    def __init__(
        self, agent_id: str | None = None, outcomes: Collection[str] = (), *, include_foreign: bool = False
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        strings(agent_id=agent_id)
        flags(include_foreign=include_foreign)
        self.agent_id = agent_id
        # Sorted: Airflow identifies a trigger by its arguments.
        self.outcomes = sorted(choices("outcomes", outcomes, OUTCOMES))
        self.include_foreign = include_foreign

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield ``{"call_id": …, "ref": …, "outcome": …}`` for each call; ``ref`` is None for foreign calls.

        Events carry no content of calls, because Airflow logs them and stores them with the asset event.
        """
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
        from airflow_provider_voiceinfra.store.watch.completion_feed import subscribed

        wanted = CompletionFilter(self.agent_id, self.outcomes, foreign=self.include_foreign)
        async with subscribed(call_store(), wanted) as calls:
            while True:
                call = await calls.next()
                yield TriggerEvent({"call_id": call.call_id, "ref": call.ref, "outcome": call.outcome})
