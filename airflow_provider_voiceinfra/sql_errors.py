"""Describes database errors without the rows that their messages may quote."""

from __future__ import annotations

# Errors about the statement itself: unknown tables, syntax, permissions.
_SQLSTATES_OF_STATEMENTS = "42"
_SQLITE_OF_STATEMENTS = ("no such ", "near ")


def safe_error_name(error: Exception) -> str:
    """Return an error's class, and the database's code if it has one."""
    codes = [_sqlstate(error), getattr(error, "sqlite_errorname", None)]
    codes += [argument for argument in error.args[:1] if isinstance(argument, int)]
    known = [str(code) for code in codes if code]
    return f"{type(error).__name__} ({known[0]})" if known else type(error).__name__


def safe_error_message(error: Exception) -> str:
    """Return an error's name, and its message if it is about the statement, which holds no row."""
    message = str(error).strip().partition("\n")[0]
    of_sqlite = hasattr(error, "sqlite_errorname") and message.startswith(_SQLITE_OF_STATEMENTS)
    if of_sqlite or _sqlstate(error).startswith(_SQLSTATES_OF_STATEMENTS):
        return f"{safe_error_name(error)}: {message}"
    return (
        f"{safe_error_name(error)}. Its message is not shown, because it may contain a row: run the query in the "
        "database to see it"
    )


def _sqlstate(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
