"""The connection to VoiceInfra, and the calls placed by it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
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
from airflow_provider_voiceinfra.context import remember_store, stop_of_task, task_source
from airflow_provider_voiceinfra.errors import InvalidCallError, VoiceInfraError
from airflow_provider_voiceinfra.extra_fields import ExtraFieldsError, check_names, read_fields
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints
from airflow_provider_voiceinfra.guard.errors import CallDeferredError, GuardError
from airflow_provider_voiceinfra.guard.limits import read_limits
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.feed.cursors import NEW_CURSOR
from airflow_provider_voiceinfra.store.lists.list_pages import ListRow
from airflow_provider_voiceinfra.store.lists.list_rows import RowState
from airflow_provider_voiceinfra.store.models import OUTCOMES, Call, CallState, Completion, Source


class VoiceInfraHook(BaseHook):
    """Places AI phone calls, each at most once, and reads what was said.

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

        :raises InvalidCallError: if the connection has no key, or an address that will not do.
        """
        return read_account(self.get_connection(self.voiceinfra_conn_id))

    @property
    def store(self) -> CallStore:
        """The call store that ``[voiceinfra] call_store`` names."""
        return call_store()

    @cached_property
    def dialer(self) -> Dialer:
        """What places calls: every call of this package goes through it.

        :raises StoreError: if an earlier try of the task that runs used another call store.
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
        from_number: str | None = None,
        first_message: str | None = None,
        context: str | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        calling_hours: CallingHours | str | None = None,
        timezone: str | None = None,
        not_after: datetime | str | None = None,
    ) -> Call:
        """Place a call, or find the one that this key has placed already. Returns when VoiceInfra has taken it.

        :param idempotency_key: your name for this call, such as ``reminder-4711``: one key, at most one call, in
            all DAGs and runs.
        :param to_number: who is called: E.164, or as people write it with the connection's ``default_region``.
        :param agent_id: the AI agent; default: the connection's.
        :param from_number: the caller ID, one of the account's numbers; default: the connection's.
        :param first_message: replaces the agent's opening line.
        :param context: is added to the agent's system prompt, for this call.
        :param variables: fill the agent's prompt template.
        :param metadata: stays with the call here and is never sent.
        :param calling_hours: when the person may be called, by the clock where she is; the connection's apply too.
        :param timezone: where she is, such as ``Europe/London``; default: what her number tells.
        :param not_after: when the call is of no use any more.
        :raises CallDeferredError: the guard defers it: paused, outside calling hours, a limit.
        :raises CallBlockedError: the guard blocks it: do-not-call, called a short while ago, too late.
        :raises InvalidCallError: a field will not do; nothing was sent.
        :raises KeyConflictError: the key belongs to a call that asked for something else.
        :raises CallNotSentError: nothing was sent; trying again later may dial.
        :raises CallStoppedError: the task is being stopped; nothing was sent. Let it end the task.
        :raises CallRejectedError: VoiceInfra refused it.
        :raises CallUnknownError: it may have been placed; its own webhook may settle it, see :meth:`get_call`.
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
        constraints = CallConstraints.build(CallingHours.of(calling_hours), timezone, not_after)
        return self.place(CallIntent(key, request, _current_source(), kept, constraints=constraints))

    def place(self, intent: CallIntent, **options: Any) -> Call:
        """Place a call as :meth:`~airflow_provider_voiceinfra.calls.dialing.Dialer.place` does."""
        return self.dialer.place(intent, **({"stop": self._stop} | options))

    @cached_property
    def _stop(self) -> StopFlag:
        context = _current_context()
        return stop_of_task(context) if context else StopFlag()

    def get_call(self, ref_or_call_id: str) -> Call | None:
        """Find a call by its ref (``vc_…``) or its ``call_id``, with its completion once there is one."""
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
        """List calls, newest first, without holding them all in memory.

        :param list_id: of a call list.
        :param dag_id: placed by this DAG.
        :param state: such as ``completed`` or ``unknown``.
        :param outcome: ``answered``, ``voicemail`` or ``failed``.
        :param since: claimed at this time or later.
        """
        return self.store.calls.iterate(list_id=list_id, dag_id=dag_id, state=state, outcome=outcome, since=since)

    def iter_list_rows(
        self, list_id: str, *, state: RowState | str | None = None, result: str | None = None
    ) -> Iterator[ListRow]:
        """List the rows of a call list, without holding them all in memory.

        :param list_id: of the list.
        :param state: such as ``done``, ``pending`` or ``set_aside``.
        :param result: how they ended, such as ``answered``, or why they are set aside, such as ``no_country_code``.
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
        """Read the calls that have ended since they were read last: each at least once, and none skipped.

        ``with hook.completed_calls(cursor="follow_up") as calls:``, and then ``for call in calls:`` do what is to be
        done. When the block ends without error, the cursor moves past the calls that were taken; otherwise they come
        again, as they do to another task that reads at the same time: let what you do be told apart by ``call_id``.

        :param cursor: a name of your own for one reader, such as ``follow_up``; its place is kept in the call store.
        :param agent_id: only this agent's; the cursor passes the rest.
        :param outcomes: only those with one of these outcomes; the cursor passes the rest.
        :param since: where a cursor begins when it is used for the first time; by default a day before.
        :return: in the order in which they became completed, the same for all cursors.
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
        """Read what was said in calls that nobody placed from here, as :meth:`completed_calls` reads the others.

        Webhooks bring them too: an account has one URL for all its calls. Let the cursor be another one.
        """
        wanted = CompletionFilter(agent_id, choices("outcomes", outcomes, OUTCOMES), placed_here=False, foreign=True)
        return self.store.cursors.completions(cursor, wanted, since or self.store.database.clock.now() - NEW_CURSOR)

    def test_connection(self) -> tuple[bool, str]:
        """Find out whether the API key is good. Sends no number, so that no phone can ring."""
        try:
            return VoiceInfraApi(self.account).check_key()
        except VoiceInfraError as error:
            return False, str(error)


def read_account(connection: Connection) -> Account:
    """Read an account from its connection.

    :raises InvalidCallError: if the connection has no key, an address that cannot be used, or extra fields that cannot
        be read or are misspelt.
    """
    conn_id = connection.conn_id
    if connection.conn_type != VoiceInfraHook.conn_type:
        raise InvalidCallError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}: make one of type 'voiceinfra' (Admin → "
            "Connections), or name another one as voiceinfra_conn_id."
        )
    api_key = (connection.password or "").strip()
    if not api_key or not api_key.isascii() or not api_key.isprintable():
        raise InvalidCallError(
            f"Connection {conn_id!r} has no usable API key: set the key from Settings → API Keys as its password."
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
        # Before Airflow reads them, which takes what is not JSON for no fields at all.
        fields = read_fields(connection.extra, conn_id=connection.conn_id)
        check_names(fields, conn_id=connection.conn_id)
    except ExtraFieldsError as error:
        raise InvalidCallError(str(error)) from None
    # Airflow masks the secrets among them in logs from here on.
    _ = connection.extra_dejson
    return fields


def _count_denied(error: GuardError) -> None:
    kind = "deferred" if isinstance(error, CallDeferredError) else "blocked"
    Stats.incr(f"voiceinfra.calls.{kind}.{error.rule}")


def _count_placed(calls: int) -> None:
    Stats.incr("voiceinfra.calls.placed", calls)


def _current_context() -> Context | None:
    """Give the context of the task that runs here, if any does."""
    try:
        return get_current_context()
    except RuntimeError:
        return None


def _current_source() -> Source:
    """Tell which task runs here, if any does: calls are found by their DAG later."""
    context = _current_context()
    return task_source(context) if context else Source()
