"""Calls a person when a task or a DAG has failed, or a deadline has passed."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.templates import FieldNotRenderedError, render, text_environment, typed_environment

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.calls.call_intent import CallIntent
    from airflow_provider_voiceinfra.calls.keys import IdempotencyKey
    from airflow_provider_voiceinfra.calls.stop import StopFlag
    from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
    from airflow_provider_voiceinfra.store.models import Source

log = logging.getLogger(__name__)

_SETTLE_SECONDS = 5.0
_NUMBERS = ("to_number", "from_number")


class VoiceInfraNotifier(BaseNotifier):
    """Calls the person on call, at most once per run: ``on_failure_callback=VoiceInfraNotifier(to_number=…, …)``.

    The call is guarded and claimed like any other, but the notifier does not wait for the guard: while paused, outside
    calling hours or over a limit of the connection, no call is placed. So give the people on call a connection of
    their own. Errors are logged without the call's content, and do not fail the callback.

    :param to_number: the callee's number, in E.164 or, with ``default_region``, in national format. (templated)
    :param first_message: the agent's opening line, such as ``{{ dag.dag_id }} has failed``. (templated)
    :param call_context: text added to the agent's system prompt: the API's ``context``, a name that means something
        else in Airflow's notifiers. (templated)
    :param agent_id: the AI agent; default: the connection's. (templated)
    :param from_number: the caller ID, one of the account's numbers, or several, of which a near one is chosen for each
        callee; default: the connection's. (templated)
    :param variables: a dict that fills the agent's prompt template. (templated)
    :param voiceinfra_conn_id: a connection of type ``voiceinfra``. (templated)
    :param idempotency_key: your name for this call: one key, at most one call. Default: DAG, run, how often
        it was cleared, number, and the templates of the messages: a hundred failed mapped tasks make one call, and a
        run that fails again after a clear makes another. (templated)
    :param default_region: the country, such as ``US``, of a number without a country code. (templated)
    """

    template_fields: Sequence[str] = (
        "to_number",
        "first_message",
        "call_context",
        "agent_id",
        "from_number",
        "variables",
        "voiceinfra_conn_id",
        "idempotency_key",
        "default_region",
    )

    def __init__(
        self,
        *,
        to_number: str,
        first_message: str | None = None,
        call_context: str | None = None,
        agent_id: str | None = None,
        from_number: str | Sequence[str] | None = None,
        variables: Mapping[str, Any] | None = None,
        voiceinfra_conn_id: str = "voiceinfra_default",
        idempotency_key: str | None = None,
        default_region: str | None = None,
        context: Context | None = None,
    ) -> None:
        arguments.strings(
            to_number=to_number,
            first_message=first_message,
            call_context=call_context,
            agent_id=agent_id,
            voiceinfra_conn_id=voiceinfra_conn_id,
            idempotency_key=idempotency_key,
        )
        arguments.caller_ids(from_number)
        arguments.objects(variables=variables)
        arguments.region("default_region", default_region)
        self.to_number = to_number
        self.first_message = first_message
        self.call_context = call_context
        self.agent_id = agent_id
        self.from_number = from_number
        self.variables = variables
        self.voiceinfra_conn_id = voiceinfra_conn_id
        self.idempotency_key = idempotency_key
        self.default_region = default_region
        # The fields before the first run: one notifier may be called for several runs.
        self._templates: dict[str, Any] = {}
        self._render_error: Exception | None = None
        super().__init__(context)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:  # noqa: ARG002 - each field has its own
        """Render the fields. An error is kept for ``notify``, because Airflow would log the template."""
        dag: Any = context.get("dag")
        variables: Any = {"dag": SimpleNamespace(dag_id=_run(context)["dag_id"]), **context}
        self._render_error = None
        try:
            for name in self.template_fields:
                template = self._templates.setdefault(name, getattr(self, name))
                environment = typed_environment(dag) if name in _NUMBERS else text_environment(dag)
                setattr(self, name, render(name, template, variables, environment))
        except Exception as error:  # noqa: BLE001 - a callback must not fail
            self._render_error = error

    def notify(self, context: Context) -> None:
        """Place the call."""
        from airflow_provider_voiceinfra.calls.stop import StopFlag
        from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

        try:
            self._place_call(VoiceInfraHook(self.voiceinfra_conn_id), context, StopFlag())
        except Exception as error:  # noqa: BLE001 - a callback must not fail
            self._log_error(error)

    async def async_notify(self, context: Context) -> None:
        """Place the call, from the triggerer."""
        from airflow_provider_voiceinfra.calls.stop import StopFlag
        from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook, read_account

        stop = StopFlag()
        try:
            hook = VoiceInfraHook(self.voiceinfra_conn_id)
            # Airflow's access to connections is bound to the triggerer's own event loop.
            hook.account = read_account(await hook.aget_connection(self.voiceinfra_conn_id))
            await asyncio.to_thread(self._place_call, hook, context, stop)
        except asyncio.CancelledError:
            # The triggerer is stopping, so the thread must not continue.
            stop.set()
            raise
        except Exception as error:  # noqa: BLE001 - a callback must not fail
            self._log_error(error)

    def _place_call(self, hook: VoiceInfraHook, context: Context, stop: StopFlag) -> None:
        if self._render_error is not None:
            raise self._render_error
        call = hook.place(self._intent(hook, context), settle_wait=_SETTLE_SECONDS, stop=stop)
        log.info("VoiceInfraNotifier placed call %s.", call.ref)

    def _intent(self, hook: VoiceInfraHook, context: Context) -> CallIntent:
        from airflow_provider_voiceinfra.calls.call_intent import CallIntent
        from airflow_provider_voiceinfra.calls.keys import own_key
        from airflow_provider_voiceinfra.calls.request import CallRequest

        request = CallRequest.build(
            hook.account,
            to_number=self.to_number,
            agent_id=self.agent_id,
            from_number=self.from_number,
            first_message=self.first_message,
            context=self.call_context,
            variables=self.variables,
            default_region=self.default_region,
        )
        if self.idempotency_key is None:
            key = self._default_key(context, request.to_number)
        else:
            key = own_key(self.idempotency_key, to_number=request.to_number)
        return CallIntent(key, request, _source(context))

    def _default_key(self, context: Context, number: str) -> IdempotencyKey:
        from airflow_provider_voiceinfra.calls.keys import notifier_key

        run = _run(context)
        messages = json.dumps([self._templates[name] for name in ("first_message", "call_context")], default=str)
        return notifier_key((run["dag_id"], run["run_id"], run["clear_number"]), messages, to_number=number)

    def _log_error(self, error: Exception) -> None:
        """Log an error. Errors of calls and of the store contain no private values; others may."""
        from airflow_provider_voiceinfra.errors import HostConflictError, KeyConflictError, VoiceInfraError
        from airflow_provider_voiceinfra.store.errors import StoreError

        is_other_host = isinstance(error, HostConflictError)
        if isinstance(error, KeyConflictError) and not is_other_host and self.idempotency_key is None:
            log.info("VoiceInfraNotifier has already placed a call about this run: %s.", error.ref)
        elif isinstance(error, VoiceInfraError | StoreError | FieldNotRenderedError | AirflowNotFoundException):
            log.error("VoiceInfraNotifier failed: %s", error)
        else:
            log.error(
                "VoiceInfraNotifier failed with %s; its message is not shown, because it may be private.",
                type(error).__name__,
            )


def _run(context: Context) -> dict[str, str]:
    """Identify the run; the contexts of a task, a DAG and a deadline differ."""
    run: Any = context.get("dag_run") or {}
    found = run if isinstance(run, Mapping) else vars(run)
    dag: Any = context.get("dag")
    return {
        "dag_id": str(found.get("dag_id") or getattr(dag, "dag_id", "")),
        # A deadline's context has the run as the REST API returns it.
        "run_id": str(found.get("run_id") or found.get("dag_run_id") or context.get("run_id") or ""),
        "clear_number": str(found.get("clear_number") or 0),
    }


def _source(context: Context) -> Source:
    from airflow_provider_voiceinfra.store.models import Source

    run = _run(context)
    return Source(dag_id=run["dag_id"] or None, run_id=run["run_id"] or None)
