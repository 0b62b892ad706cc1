"""Records the results of rows whose calls were not accepted, or had been placed before."""

from __future__ import annotations

from airflow_provider_voiceinfra import errors
from airflow_provider_voiceinfra.guard.errors import CallDeferredError, GuardError
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.rules import Rule
from airflow_provider_voiceinfra.store.lists.row_values import DueRow
from airflow_provider_voiceinfra.store.models import Call, CallState, Source

# Rules that defer every other row of the list, too.
_WHOLE_LIST = frozenset({Rule.PAUSED, Rule.PER_DAY, Rule.MINUTES_PER_DAY, Rule.LIST_MINUTES, Rule.IN_FLIGHT, Rule.PACE})


class ListStoppedError(errors.VoiceInfraError):
    """The list cannot continue, because every call would be rejected. Its rows are not changed."""


class RowResults:
    """Records the results of rows, and what stops the whole list."""

    def __init__(self, store: CallStore, source: Source) -> None:
        self._store = store
        self._source = source
        self.deferral: CallDeferredError | None = None
        """Why the guard defers every row at the moment, if it does."""
        self.error: BaseException | None = None
        """The error that ends the list, if any."""

    @property
    def stop_list(self) -> bool:
        """Whether no other row may begin."""
        return self.deferral is not None or self.error is not None

    def found(self, row: DueRow, call: Call) -> None:
        """Record an earlier call with the row's key."""
        if call.source.is_same_task(self._source):
            self._store.list_rows.called(row, call.ref)
        else:
            self._store.list_rows.already_called(row, call.ref)

    def failed(self, row: DueRow, error: BaseException) -> None:
        """Record why a row's call was not accepted; the store has recorded the guard's denials already."""
        rows, now = self._store.list_rows, self._store.database.clock.now()
        match error:
            case CallDeferredError() if error.rule in _WHOLE_LIST:
                self.deferral = self.deferral or error
            case GuardError():
                pass
            case errors.CallUnknownError():
                rows.called(row, str(error.ref))
            case errors.AuthenticationError() | errors.AgentNotFoundError() | errors.HostConflictError():
                rows.wait(row, now)
                self.error = ListStoppedError(f"{error} The list stops here; its other rows were not dialled.")
            case errors.KeyConflictError():
                rows.already_called(row, str(error.ref))
            case errors.CallRejectedError() if self._store.row_numbers.pass_over(row.id, str(error.ref)):
                pass
            case errors.CallRejectedError():
                rows.done(row, CallState.REJECTED, str(error.ref))
            case _:
                self.error = self.error or error
