"""The connection to VoiceInfra, and the calls placed through it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import cached_property
from typing import Any

from airflow.sdk import BaseHook, Connection, Context, get_current_context
from airflow.sdk.observability.stats import Stats

from airflow_provider_voiceinfra.arguments import choices
from airflow_provider_voiceinfra.calls.account import Account, base_url
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.keys import own_key
from airflow_provider_voiceinfra.calls.request import CallRequest, plain_object
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.connection_fields import ExtraFieldsError, check_names, read_fields
from airflow_provider_voiceinfra.context import remember_store, stop_of_task, task_source
from airflow_provider_voiceinfra.errors import InvalidCallError, VoiceInfraError
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints
from airflow_provider_voiceinfra.guard.errors import CallDeferredError, GuardError
from airflow_provider_voiceinfra.guard.limits import caps_of, read_limits
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.feed.cursors import NEW_CURSOR
from airflow_provider_voiceinfra.store.lists.list_pages import ListRow
from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.store.models import OUTCOMES, Call, CallState, Completion, Source
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter


class VoiceInfraHook(BaseHook):
    """Places AI phone calls, each at most once, and reads their completions.

    :param voiceinfra_conn_id: a connection of type ``voiceinfra``: the API key is its password.
    """

    conn_name_attr = "voiceinfra_conn_id"
    default_conn_name = "voiceinfra_default"
    conn_type = "voiceinfra"
    hook_name = "VoiceInfra"

    def __init__(self, voiceinfra_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.voiceinfra_conn_id = voiceinfra_conn_id

    @cached_property
    def account(self) -> Account:
        """The account that the connection describes.

        :raises InvalidCallError: if the connection has no API key, or an invalid address.
        """
        return read_account(self.get_connection(self.voiceinfra_conn_id))

    @property
    def store(self) -> CallStore:
        """The call store that ``[voiceinfra] call_store`` names."""
        return call_store()

    @cached_property
    def dialer(self) -> Dialer:
        """The dialer, which places every call of this package.

        :raises StoreError: if an earlier try of the running task used another call store.
        """
        if context := _current_context():
            remember_store(context, self.store)
        return Dialer(self.store, self.account, on_denied=_count_denied, on_placed=_count_placed)

    def place_call(
        self,
        *,
        idempotency_key: str,
        to_number: str,
        agent_id: str | None = None,
        from_number: str | Sequence[str] | None = None,
        first_message: str | None = None,
        context: str | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        calling_hours: CallingHours | str | None = None,
        timezone: str | None = None,
        not_before: date | str | None = None,
        not_after: date | str | None = None,
        max_calls_per_number: str | None = None,
    ) -> Call:
        """Place a call, or return the one that was placed with this key. Returns once VoiceInfra has accepted it.

        :param idempotency_key: your name for this call, such as ``reminder-4711``: one key, at most one call, in
            all DAGs and runs.
        :param to_number: the callee's number, in E.164 or, with a ``default_region``, in national format.
        :param agent_id: the AI agent; default: the connection's.
        :param from_number: the caller ID, one of the account's numbers, or several, of which a near one is chosen for
            each callee; default: the connection's.
        :param first_message: replaces the agent's opening line.
        :param context: text added to the agent's system prompt for this call.
        :param variables: values that fill the agent's prompt template.
        :param metadata: data that is stored with the call and never sent.
        :param calling_hours: when the callee may be called, in their local time; the connection's apply too.
        :param timezone: the callee's time zone, such as ``Europe/London``; default: that of the number.
        :param not_before: when the call may be placed; a date is the start of that day in the callee's time zone.
        :param not_after: when the call expires; a date is the end of that day in the callee's time zone.
        :param max_calls_per_number: how often the callee may be called, such as ``1/24h, 3/7d``; the connection's apply
            too.
        :raises CallDeferredError: the guard defers it: paused, outside calling hours, a limit.
        :raises CallBlockedError: the guard blocks it: do-not-call, expired.
        :raises InvalidCallError: a field is invalid; nothing was sent.
        :raises KeyConflictError: the key belongs to a call with a different request.
        :raises CallNotSentError: nothing was sent; a later try may dial.
        :raises CallStoppedError: the task is being stopped; nothing was sent. Do not catch it.
        :raises CallRejectedError: VoiceInfra rejected it.
        :raises CallUnknownError: it may have been placed; its webhook may settle it, see :meth:`get_call`.
        :raises StoreError: the call store cannot be used; nothing was sent.
        """
        request = CallRequest.build(
            self.account,
            to_number=to_number,
            agent_id=agent_id,
            from_number=from_number,
            first_message=first_message,
            context=context,
            variables=variables,
        )
        key = own_key(idempotency_key, to_number=request.to_number)
        kept = plain_object("metadata", metadata) or {}
        constraints = CallConstraints.build(
            self.account.limits,
            request.to_number,
            calling_hours=CallingHours.of(calling_hours),
            timezone=timezone,
            not_before=not_before,
            not_after=not_after,
            max_calls_per_number=caps_of(max_calls_per_number),
        )
        return self.place(CallIntent(key, request, _current_source(), kept, constraints=constraints))

    def place(self, intent: CallIntent, **options: Any) -> Call:
        """Place a call as :meth:`~airflow_provider_voiceinfra.calls.dialing.Dialer.place` does."""
        return self.dialer.place(intent, **({"stop": self._stop} | options))

    @cached_property
    def _stop(self) -> StopFlag:
        context = _current_context()
        return stop_of_task(context) if context else StopFlag()

    def get_call(self, ref_or_call_id: str) -> Call | None:
        """Return a call by its ref (``vc_…``) or its ``call_id``, with its completion if it is completed."""
        return self.store.calls.get(ref_or_call_id)

    def iter_calls(
        self,
        *,
        list_id: str | None = None,
        dag_id: str | None = None,
        state: CallState | str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[Call]:
        """Iterate over calls, newest first, without loading all of them into memory.

        :param list_id: only calls of this call list.
        :param dag_id: only calls placed by this DAG.
        :param state: such as ``completed`` or ``unknown``.
        :param outcome: ``answered``, ``voicemail`` or ``failed``.
        :param since: claimed at this time or later.
        """
        wanted = CallFilter(list_id=list_id, dag_id=dag_id, state=state, outcome=outcome, since=since)
        return self.store.calls.iterate(wanted)

    def iter_list_rows(
        self, list_id: str, *, state: RowState | str | None = None, result: str | None = None
    ) -> Iterator[ListRow]:
        """Iterate over the rows of a call list, without loading all of them into memory.

        :param list_id: the list.
        :param state: such as ``done``, ``pending`` or ``set_aside``.
        :param result: how rows ended, such as ``answered``, or why they are set aside, such as ``no_country_code``.
        :raises ValueError: if there is no such state.
        """
        return self.store.list_pages.rows(list_id, *([] if state is None else [RowState(state)]), result=result)

    def completed_calls(
        self,
        *,
        cursor: str,
        agent_id: str | None = None,
        outcomes: Collection[str] = (),
        since: datetime | None = None,
    ) -> AbstractContextManager[Iterator[Call]]:
        """Read the calls that have completed since the last read: each at least once, none skipped.

        Use it as ``with hook.completed_calls(cursor="follow_up") as calls:`` and iterate over ``calls``. When the block
        ends without an error, the cursor moves past the calls that were read. Otherwise they are returned again, as
        they are to another task that reads at the same time: make your processing idempotent by ``call_id``.

        :param cursor: your name for one reader, such as ``follow_up``; its position is kept in the call store.
        :param agent_id: only calls of this agent; the cursor skips the others.
        :param outcomes: only calls with one of these outcomes; the cursor skips the others.
        :param since: where a new cursor begins; by default a day ago.
        :return: the calls in the order in which they completed, the same for all cursors.
        """
        wanted = CompletionFilter(agent_id, choices("outcomes", outcomes, OUTCOMES))
        return self.store.cursors.calls(cursor, wanted, since or self.store.database.clock.now() - NEW_CURSOR)

    def foreign_completions(
        self,
        *,
        cursor: str,
        agent_id: str | None = None,
        outcomes: Collection[str] = (),
        since: datetime | None = None,
    ) -> AbstractContextManager[Iterator[Completion]]:
        """Read completions of calls that were not placed from here, as :meth:`completed_calls` reads the others.

        Their webhooks arrive too, because an account has one URL for all its calls. Use a separate cursor.
        """
        wanted = CompletionFilter(agent_id, choices("outcomes", outcomes, OUTCOMES), placed_here=False, foreign=True)
        return self.store.cursors.completions(cursor, wanted, since or self.store.database.clock.now() - NEW_CURSOR)

    def test_connection(self) -> tuple[bool, str]:
        """Check whether the API key is valid. No number is sent, so no phone can ring."""
        try:
            return VoiceInfraApi(self.account).check_key()
        except VoiceInfraError as error:
            return False, str(error)


def read_account(connection: Connection) -> Account:
    """Read an account from its connection.

    :raises InvalidCallError: if the connection has no API key, or an invalid address or extra field.
    """
    conn_id = connection.conn_id
    if connection.conn_type != VoiceInfraHook.conn_type:
        raise InvalidCallError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}: create one of type 'voiceinfra' (Admin → "
            "Connections), or set voiceinfra_conn_id to another one."
        )
    api_key = (connection.password or "").strip()
    if not api_key or not api_key.isascii() or not api_key.isprintable():
        raise InvalidCallError(
            f"Connection {conn_id!r} has no valid API key: set the key from Settings → API Keys as its password."
        )
    extra = _extra_fields(connection)
    return Account(
        conn_id=conn_id,
        base_url=base_url(connection.host, conn_id=conn_id, port=connection.port, path=connection.schema),
        api_key=api_key,
        webhook_conn_id=extra.get("webhook_conn_id") or conn_id,
        agent_id=extra.get("agent_id") or None,
        from_number=extra.get("from_number") or None,
        default_region=extra.get("default_region") or None,
        limits=read_limits(extra, conn_id=conn_id),
    )


def _extra_fields(connection: Connection) -> dict[str, Any]:
    try:
        # Checked before Airflow reads them, because it treats invalid JSON as no fields at all.
        fields = read_fields(connection.extra, conn_id=connection.conn_id)
        check_names(fields, conn_id=connection.conn_id)
    except ExtraFieldsError as error:
        raise InvalidCallError(str(error)) from None
    # From here on, Airflow masks the secrets among them in logs.
    _ = connection.extra_dejson
    return fields


def _count_denied(error: GuardError) -> None:
    kind = "deferred" if isinstance(error, CallDeferredError) else "blocked"
    Stats.incr(f"voiceinfra.calls.{kind}.{error.rule}")


def _count_placed(calls: int) -> None:
    Stats.incr("voiceinfra.calls.placed", calls)


def _current_context() -> Context | None:
    """Return the context of the running task, if any."""
    try:
        return get_current_context()
    except RuntimeError:
        return None


def _current_source() -> Source:
    """Return the running task, if any, by which its calls can be found later."""
    context = _current_context()
    return task_source(context) if context else Source()
