"""Places a call from a task, which waits in the triggerer, without a worker, whenever that may take long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_voiceinfra.completion_wait import unresolved_call_error
from airflow_provider_voiceinfra.deferral import airflow_timeout, resume_after, time_left
from airflow_provider_voiceinfra.links import CallPageLink, LinkedOperator
from airflow_provider_voiceinfra.openlineage import OpenLineageMixin
from airflow_provider_voiceinfra.operators.call_fields import CONTENT_FIELDS, CallFieldsOperator
from airflow_provider_voiceinfra.operators.stopping import StoppableOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.calls.account import Account
    from airflow_provider_voiceinfra.calls.call_intent import CallIntent
    from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
    from airflow_provider_voiceinfra.guard.errors import CallDeferredError
    from airflow_provider_voiceinfra.store.guard.rules import Cap
    from airflow_provider_voiceinfra.store.models import Call

_SETTLE_SECONDS = 5.0
_LONGEST_WAIT = timedelta(days=1)


class PlacingOperator(LinkedOperator, StoppableOperator, CallFieldsOperator, OpenLineageMixin):
    """Places one call, and waits in the triggerer for the guard, or for an unknown call to be settled.

    A subclass continues with the call in :meth:`after_placed`.
    """

    page_link = CallPageLink()

    redial_on_clear: bool
    completion_timeout: timedelta
    calling_hours: CallingHours | None
    max_calls_per_number: tuple[Cap, ...]

    _attempt = 1

    def after_placed(self, context: Context, call: Call) -> str:
        """Continue with a call that VoiceInfra has accepted, and return the task's result."""
        raise NotImplementedError

    def give_up(self, context: Context, error: Exception) -> str:  # noqa: ARG002 - for subclasses
        """End the task, because the guard blocks the call: by default, it is skipped."""
        raise AirflowSkipException(str(error)) from error

    def execute(self, context: Context) -> str:
        """Place the call, or find the one that this task has placed, and continue with it."""
        return self.place(context, self._attempt)

    def execute_attempt(self, context: Context, attempt: int) -> str:
        """Execute again after a wait, from the start: a subclass may set fields there, which are lost by a wait."""
        self._attempt = attempt
        return self.execute(context)

    def place(self, context: Context, attempt: int) -> str:
        """Place one attempt of the call."""
        from airflow_provider_voiceinfra.errors import CallNotSentError, CallUnknownError
        from airflow_provider_voiceinfra.guard.errors import CallBlockedError, CallDeferredError

        try:
            with _failing_for_good():
                call = self._place(context, attempt)
        except CallUnknownError as error:
            self.log.warning("%s", error)
            call = self._wait_until_settled(context, str(error.ref))
        except CallDeferredError as error:
            self._wait_for_guard(error)
        except CallBlockedError as error:
            return self.give_up(context, error)
        if call.attempt < attempt:
            # The call of another map index with the same number, which has not redialled it, or will not.
            return self.give_up(context, CallNotSentError(f"{call.ref} is redialled by another map index."))
        return self.after_placed(context, call)

    def execute_waited(self, context: Context, event: dict[str, Any]) -> str:
        """Continue after the guard has deferred the call."""
        return self.execute_attempt(context, self.get_call(event["ref"]).attempt)

    def execute_settled(self, context: Context, event: dict[str, Any]) -> str:
        """Continue when the call is settled, or its deadline has passed."""
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.store.models import KEY_FREE_STATES

        # Once more at the deadline: since the last check, a claim may have expired, or a completion arrived.
        call_store().claims.settled([event["ref"]])
        call = self.get_call(event["ref"])
        if call.state in KEY_FREE_STATES:
            return self.execute_attempt(context, call.attempt)
        if call.call_id is None:
            raise unresolved_call_error(call_store(), call)
        context["ti"].xcom_push(key="call_id", value=call.call_id)
        return self.after_placed(context, call)

    def get_call(self, ref: str) -> Call:
        """Find a call in the store.

        :raises StoreError: if it is not there.
        """
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.store.errors import StoreError

        call = call_store().calls.get(ref)
        if call is None:
            # Rows of calls are never deleted.
            raise StoreError(
                f"Call {ref} is not in this call store. Set [voiceinfra] call_store to the store that it was placed "
                "from, on every worker. Nothing was dialled."
            )
        return call

    def _place(self, context: Context, attempt: int) -> Call:
        from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

        def push(call_id: str) -> None:
            context["ti"].xcom_push(key="call_id", value=call_id)

        hook = VoiceInfraHook(self.rendered_fields()["voiceinfra_conn_id"])
        intent = self._intent(hook.account, context, attempt)
        return hook.place(intent, on_call_id=push, settle_wait=_SETTLE_SECONDS, stop=self._voiceinfra_stop)

    def _intent(self, account: Account, context: Context, attempt: int) -> CallIntent:
        from airflow_provider_voiceinfra.calls.call_intent import CallIntent
        from airflow_provider_voiceinfra.calls.keys import own_key, task_key
        from airflow_provider_voiceinfra.calls.request import CallRequest, plain_object
        from airflow_provider_voiceinfra.context import clear_count, task_source
        from airflow_provider_voiceinfra.guard.constraints import CallConstraints

        rendered, source = self.rendered_fields(), task_source(context)
        fields = ("to_number", "agent_id", "from_number", "default_region", *CONTENT_FIELDS)
        request = CallRequest.build(account, **{name: rendered[name] for name in fields})
        which = {"clear": clear_count(context) if self.redial_on_clear else 0, "attempt": attempt}
        if rendered["idempotency_key"] is not None:
            key = own_key(rendered["idempotency_key"], to_number=request.to_number, **which)
        else:
            key = task_key(source, to_number=request.to_number, **which)
        metadata = plain_object("metadata", rendered["metadata"]) or {}
        when = {name: rendered[name] for name in ("timezone", "not_before", "not_after")}
        constraints = CallConstraints.build(
            account.limits,
            request.to_number,
            calling_hours=self.calling_hours,
            max_calls_per_number=self.max_calls_per_number,
            **when,
        )
        return CallIntent(
            key, request, source, metadata, settle_timeout=self.completion_timeout, constraints=constraints
        )

    def _wait_for_guard(self, error: CallDeferredError) -> NoReturn:
        """Wait, whatever ``deferrable`` says: a worker is not held for what may take days."""
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.triggers.call_allowed import CallAllowedTrigger

        until = call_store().database.clock.now() + _LONGEST_WAIT
        until = min(until, error.until or until)
        self.log.info("%s The task waits in the triggerer, even with deferrable=False.", error)
        self.defer(
            trigger=CallAllowedTrigger(str(error.ref), until.isoformat(), error.pause_id, resume_after()),
            method_name="execute_waited",
            timeout=airflow_timeout(until),
        )

    def _wait_until_settled(self, context: Context, ref: str) -> Call:
        """Wait, whatever ``deferrable`` says: a worker is not held for what may take hours."""
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.triggers.call_settled import CallSettledTrigger

        call = self.get_call(ref)
        if call.call_id is None:
            # If another task or try is placing it at this moment, its answer is always awaited.
            deadline = max(call.deadline, call.claim_expires_at + timedelta(seconds=_SETTLE_SECONDS))
            if not time_left(deadline):
                raise unresolved_call_error(call_store(), call)
            self.log.info(
                "Waiting until %s for the webhook of call %s, in the triggerer, even with deferrable=False.",
                deadline,
                ref,
            )
            self.defer(
                trigger=CallSettledTrigger(ref, deadline.isoformat(), resume_after()),
                method_name="execute_settled",
                timeout=airflow_timeout(deadline),
            )
        # Settled meanwhile.
        context["ti"].xcom_push(key="call_id", value=call.call_id)
        return call


@contextmanager
def _failing_for_good() -> Iterator[None]:
    """Fail without a retry for errors that a retry cannot fix."""
    from airflow_provider_voiceinfra.errors import CallRejectedError, InvalidCallError, KeyConflictError
    from airflow_provider_voiceinfra.guard.errors import NoTimezoneError, NumberNotAllowedError

    try:
        yield
    except (InvalidCallError, KeyConflictError, CallRejectedError, NumberNotAllowedError, NoTimezoneError) as error:
        raise AirflowFailException(str(error)) from error
