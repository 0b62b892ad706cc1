"""Places one AI phone call, at most once."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.operators.private_fields import WORDS, PrivateFieldsOperator
from airflow_provider_voiceinfra.waiting import (
    DEFAULT_TIMEOUT,
    GRACE,
    CompletionWait,
    ending_of,
    left,
    names,
    outcomes,
    unknown_for_good,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.calls.account import Account
    from airflow_provider_voiceinfra.calls.dialing import CallIntent
    from airflow_provider_voiceinfra.store.records import Call

_POLL_SECONDS = 2.0
_SETTLE_SECONDS = 5.0


class OutboundCallOperator(PrivateFieldsOperator):
    """Places an outbound phone call by an AI agent, at most once whatever is retried or lost.

    Returns the ``call_id``, which is in XCom as ``call_id`` the moment it is known. A retry or a clear of the task
    finds the call that was placed and does not call again. Where nobody received VoiceInfra's answer, the task waits
    in the triggerer for the call's own webhook.

    :param to_number: who is called: E.164, or as people write it with ``default_region``. (templated)
    :param agent_id: the AI agent; default: the connection's. (templated)
    :param from_number: the caller ID, one of the account's numbers; default: the connection's. (templated)
    :param first_message: replaces the agent's opening line for this call. (templated)
    :param context: is added to the agent's system prompt for this call. (templated)
    :param variables: an object that fills the agent's prompt template; keeps its types. (templated)
    :param metadata: an object that stays with the call here and is never sent, such as the appointment's id.
        (templated)
    :param voiceinfra_conn_id: a connection of type ``voiceinfra``. (templated)
    :param idempotency_key: your name for this call, such as ``reminder-{{ params.appointment }}``: one key, at most one
        call, across runs and DAGs. Default: DAG, run, task, map index and number. (templated)
    :param default_region: the country, such as ``US``, of a number without a country code. (templated)
    :param redial_on_clear: call again when the task is cleared, if the earlier call has ended. Airflow clears tasks in
        more ways than by the button: "mark success" upstream, reprocessing backfills.
    :param wait_for_completion: wait for the call's end too, and push it as XCom ``completion``, in the form of
        :class:`~airflow_provider_voiceinfra.sensors.call_completion.CallCompletionSensor`.
    :param completion_timeout: how long to wait, counted from the first try.
    :param fail_on_outcomes: outcomes that fail the task, such as ``["failed"]``; a retry would not call again.
    :param completion_fields: what else to push of the completion, such as ``summary``; see the sensor.
    :param deferrable: wait for the completion in the triggerer, where waiting takes no worker.
    :param end_from_trigger: end the task there too, as the sensor does.
    """

    def __init__(
        self,
        *,
        to_number: str,
        agent_id: str | None = None,
        from_number: str | None = None,
        first_message: str | None = None,
        context: str | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        voiceinfra_conn_id: str = "voiceinfra_default",
        idempotency_key: str | None = None,
        default_region: str | None = None,
        redial_on_clear: bool = False,
        wait_for_completion: bool = False,
        completion_timeout: timedelta = DEFAULT_TIMEOUT,
        fail_on_outcomes: Collection[str] = (),
        completion_fields: Collection[str] = (),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(completion_timeout, timedelta):
            raise ValueError(f"completion_timeout must be a timedelta, not {completion_timeout!r}")  # noqa: TRY004
        self.to_number = to_number
        self.agent_id = agent_id
        self.from_number = from_number
        self.first_message = first_message
        self.context = context
        self.variables = variables
        self.metadata = metadata
        self.voiceinfra_conn_id = voiceinfra_conn_id
        self.idempotency_key = idempotency_key
        self.default_region = default_region
        self.redial_on_clear = redial_on_clear
        self.wait_for_completion = wait_for_completion
        self.completion_timeout = completion_timeout
        self.fail_on_outcomes = outcomes(fail_on_outcomes)
        self.completion_fields = names("completion_fields", completion_fields)
        self.deferrable = deferrable
        self.end_from_trigger = end_from_trigger

    def execute(self, context: Context) -> str:
        """Place the call, or find the one that this task has placed; then wait for its end if asked to."""
        from airflow_provider_voiceinfra.calls.errors import CallUnknownError

        try:
            call = self._place(context)
        except CallUnknownError as error:
            self.log.warning("%s", error)
            call = self._wait_until_settled(context, str(error.ref))
        return self._go_on(context, call)

    def execute_settled(self, context: Context, event: dict[str, Any]) -> str:
        """Go on when it is known what became of the call, or will not be."""
        from airflow_provider_voiceinfra.calls.dialing import KEY_IS_FREE
        from airflow_provider_voiceinfra.config import call_store

        # Once more at the deadline: a claim may have grown too old, or a completion come, since the last look.
        call_store().claims.settled([event["ref"]])
        call = call_store().calls.get(event["ref"])
        assert call is not None  # noqa: S101 - rows of calls are never deleted
        if call.state in KEY_IS_FREE:
            return self.execute(context)
        if call.call_id is None:
            raise unknown_for_good(call_store(), call)
        context["ti"].xcom_push(key="call_id", value=call.call_id)
        return self._go_on(context, call)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:  # noqa: ARG002 - a wake-up only
        """Go on when the call has ended, or the time is over."""
        ti = context["ti"]
        # Not the event's: ``dag.test()`` makes another event of one that ends the task.
        call_id: str = ti.xcom_pull(task_ids=ti.task_id, key="call_id", map_indexes=ti.map_index)
        self._push_completion(context, self._wait(call_id))
        return call_id

    def _place(self, context: Context) -> Call:
        from airflow_provider_voiceinfra.context import remember_store
        from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

        def push(call_id: str) -> None:
            context["ti"].xcom_push(key="call_id", value=call_id)

        with _failing_for_good():
            hook = VoiceInfraHook(self.asked()["voiceinfra_conn_id"])
            intent = self._intent(hook.account, context)
            remember_store(context, hook.store.id())
            return hook.dialer.place(intent, on_call_id=push, settle_wait=_SETTLE_SECONDS)

    def _intent(self, account: Account, context: Context) -> CallIntent:
        from airflow_provider_voiceinfra.calls.dialing import CallIntent
        from airflow_provider_voiceinfra.calls.keys import own_key, task_key
        from airflow_provider_voiceinfra.calls.request import CallRequest, plain_object
        from airflow_provider_voiceinfra.context import clear_count, task_source

        asked, source = self.asked(), task_source(context)
        fields = ("to_number", "agent_id", "from_number", "default_region", *WORDS)
        request = CallRequest.build(account, **{name: asked[name] for name in fields})
        clear = clear_count(context) if self.redial_on_clear else 0
        if asked["idempotency_key"] is not None:
            key = own_key(asked["idempotency_key"], to_number=request.to_number, clear=clear)
        else:
            key = task_key(source, to_number=request.to_number, clear=clear)
        metadata = plain_object("metadata", asked["metadata"]) or {}
        return CallIntent(key, request, source, metadata, patience=self.completion_timeout)

    def _wait_until_settled(self, context: Context, ref: str) -> Call:
        """Wait, whatever ``deferrable`` says: a worker is not held for what may take hours."""
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.triggers.call_settled import CallSettledTrigger

        call = call_store().calls.get(ref)
        assert call is not None  # noqa: S101 - rows of calls are never deleted
        if call.call_id is None:
            # Somebody who is placing it at this moment is always waited for.
            deadline = max(call.deadline, call.claim_expires_at + timedelta(seconds=_SETTLE_SECONDS))
            if not left(deadline):
                raise unknown_for_good(call_store(), call)
            self.log.info("Waiting until %s for the webhook of call %s to tell.", deadline, ref)
            self.defer(
                trigger=CallSettledTrigger(ref=ref, deadline=deadline.isoformat()),
                method_name="execute_settled",
                timeout=left(deadline) + GRACE,
            )
        # Settled in this very moment.
        context["ti"].xcom_push(key="call_id", value=call.call_id)
        return call

    def _go_on(self, context: Context, call: Call) -> str:
        assert call.call_id is not None  # noqa: S101 - VoiceInfra has taken it
        if self.wait_for_completion:
            self._wait_for_completion(context, call.call_id)
        return call.call_id

    def _wait_for_completion(self, context: Context, call_id: str) -> None:
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source

        wait = self._wait(call_id)
        deadline = call_store().waits.deadline(task_source(context), self.completion_timeout)
        if self.deferrable and not wait.is_over() and left(deadline):
            from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

            ending = None
            if self.end_from_trigger:
                ending = ending_of(self, "call", self.fail_on_outcomes, self.completion_fields)
            self.defer(
                trigger=CallCompletionTrigger(call_ids=[call_id], deadline=deadline.isoformat(), ending=ending),
                method_name="execute_complete",
                timeout=left(deadline) + GRACE,
            )
        while not wait.is_over() and left(deadline):
            time.sleep(min(_POLL_SECONDS, left(deadline).total_seconds()))
        self._push_completion(context, wait)

    def _push_completion(self, context: Context, wait: CompletionWait) -> None:
        if not wait.is_over():
            raise AirflowFailException(wait.overdue(self.completion_timeout))
        context["ti"].xcom_push(key="completion", value=wait.results()[0])

    def _wait(self, call_id: str) -> CompletionWait:
        from airflow_provider_voiceinfra.config import call_store

        return CompletionWait(call_store(), (call_id,), self.fail_on_outcomes, self.completion_fields)


@contextmanager
def _failing_for_good() -> Iterator[None]:
    """Let Airflow not retry what no retry can mend."""
    from airflow_provider_voiceinfra.calls import errors

    try:
        yield
    except (
        errors.InvalidCallError,
        errors.KeyConflictError,
        errors.CallRejectedError,
    ) as error:
        raise AirflowFailException(str(error)) from error
