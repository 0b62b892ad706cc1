"""Places one AI phone call, at most once."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.waiting import DEFAULT_TIMEOUT, GRACE, CompletionWait, left, names

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.calls.account import Account
    from airflow_provider_voiceinfra.calls.dialing import CallIntent
    from airflow_provider_voiceinfra.store.records import Call

_POLL_SECONDS = 2.0
_TEXTS = (
    "to_number",
    "agent_id",
    "from_number",
    "first_message",
    "context",
    "voiceinfra_conn_id",
    "idempotency_key",
    "default_region",
)
_OBJECTS = ("variables", "metadata")
_WORDS = ("first_message", "context", "variables")


class OutboundCallOperator(BaseOperator):
    """Places an outbound phone call by an AI agent, at most once whatever is retried or lost.

    Returns the ``call_id``, which is in XCom as ``call_id`` the moment it is known. A retry or a clear of the task
    finds the call that was placed and does not call again.

    :param to_number: who is called: E.164, or as people write it with ``default_region``. (templated)
    :param agent_id: the AI agent; default: the connection's. (templated)
    :param from_number: the caller ID, one of the account's numbers; default: the connection's. (templated)
    :param first_message: replaces the agent's opening line for this call. (templated)
    :param context: is added to the agent's system prompt for this call. (templated)
    :param variables: an object that fills the agent's prompt template; keeps its types. (templated)
    :param metadata: an object that stays with the call here and is never sent, such as the appointment's id.
        (templated)
    :param voiceinfra_conn_id: a connection of type ``voiceinfra``.
    :param idempotency_key: your name for this call, such as ``reminder-{{ params.appointment }}``: one key, at most one
        call, across runs and DAGs. Default: DAG, run, task, map index and number. (templated)
    :param default_region: the country, such as ``US``, of a number without a country code. (templated)
    :param wait_for_completion: wait for the call's end too, and push it as XCom ``completion``, in the form of
        :class:`~airflow_provider_voiceinfra.sensors.call_completion.CallCompletionSensor`.
    :param completion_timeout: how long to wait, counted from the first try.
    :param fail_on_outcomes: outcomes that fail the task, such as ``["failed"]``; a retry would not call again.
    :param completion_fields: what else to push of the completion, such as ``summary``; see the sensor.
    :param deferrable: wait in the triggerer, where waiting takes no worker.
    """

    template_fields: Sequence[str] = (*_TEXTS, *_OBJECTS)
    template_fields_renderers = {"variables": "json", "metadata": "json"}  # noqa: RUF012 - as Airflow declares it

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
        wait_for_completion: bool = False,
        completion_timeout: timedelta = DEFAULT_TIMEOUT,
        fail_on_outcomes: Collection[str] = (),
        completion_fields: Collection[str] = (),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
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
        self.wait_for_completion = wait_for_completion
        self.completion_timeout = completion_timeout
        self.fail_on_outcomes = names("fail_on_outcomes", fail_on_outcomes)
        self.completion_fields = names("completion_fields", completion_fields)
        self.deferrable = deferrable
        self._rendered: dict[str, Any] | None = None

    def execute(self, context: Context) -> str:
        """Place the call, or find the one that this task has placed; then wait for its end if asked to."""
        call = self._place(context)
        assert call.call_id is not None  # noqa: S101 - VoiceInfra has taken it
        if self.wait_for_completion:
            self._wait_for_completion(context, call.call_id)
        return call.call_id

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Go on after the deferral."""
        call_id: str = event["call_ids"][0]
        self._push_completion(context, self._wait(call_id))
        return call_id

    def _place(self, context: Context) -> Call:
        from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

        def push(call_id: str) -> None:
            context["ti"].xcom_push(key="call_id", value=call_id)

        with _failing_for_good():
            hook = VoiceInfraHook(self.voiceinfra_conn_id)
            return hook.dialer.place(self._intent(hook.account, context), on_call_id=push)

    def _intent(self, account: Account, context: Context) -> CallIntent:
        from airflow_provider_voiceinfra.calls.dialing import CallIntent
        from airflow_provider_voiceinfra.calls.keys import own_key, task_key
        from airflow_provider_voiceinfra.calls.request import CallRequest, plain_object
        from airflow_provider_voiceinfra.context import logical_date, task_source

        asked = self._rendered or {name: getattr(self, name) for name in self.template_fields}
        request = CallRequest.build(
            account,
            **{name: asked[name] for name in ("to_number", "agent_id", "from_number", "default_region", *_WORDS)},
        )
        source = task_source(context)
        if asked["idempotency_key"] is not None:
            key = own_key(asked["idempotency_key"], to_number=request.to_number)
        else:
            key = task_key(source, logical_date=logical_date(context), to_number=request.to_number)
        return CallIntent(key, request, source, plain_object("metadata", asked["metadata"]) or {})

    def _wait_for_completion(self, context: Context, call_id: str) -> None:
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source

        wait = self._wait(call_id)
        deadline = call_store().waits.deadline(task_source(context), self.completion_timeout)
        if self.deferrable and not wait.is_over() and left(deadline):
            from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

            self.defer(
                trigger=CallCompletionTrigger(call_ids=[call_id], deadline=deadline.isoformat()),
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

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Any,
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render, and keep what is rendered from Airflow, which stores and shows these fields.

        This and not ``render_template_fields``, which a mapped task does not go through.
        """
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        elif self._rendered is None:
            super()._do_render_template_fields(self, _OBJECTS, context, jinja_env, seen_oids)
            # A DAG that renders native objects would make an integer of +14155550100, and lose who is meant.
            self.render_template_as_native_obj = False
            super()._do_render_template_fields(self, _TEXTS, context, self.get_template_env(), seen_oids)
            self._rendered = {name: getattr(self, name) for name in self.template_fields}
            self._mask_rendered_fields()

    def _mask_rendered_fields(self) -> None:
        from airflow.sdk.log import mask_secret

        from airflow_provider_voiceinfra.calls.keys import without_number
        from airflow_provider_voiceinfra.calls.numbers import mask

        number = str(self.to_number)
        for value in (number, self.first_message, self.context):
            if isinstance(value, str):
                mask_secret(value)
        if isinstance(self.idempotency_key, str):
            self.idempotency_key = without_number(self.idempotency_key, number)
        self.to_number = mask(number)
        self.from_number = self.from_number and mask(self.from_number)
        for name in _WORDS:
            value = getattr(self, name)
            setattr(self, name, dict.fromkeys(value, "•••") if isinstance(value, Mapping) else value and "•••")


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
        errors.CallUnknownError,
    ) as error:
        raise AirflowFailException(str(error)) from error
