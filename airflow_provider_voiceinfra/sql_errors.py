"""What may be told of a database's error: its kind, but no row, which databases like to repeat."""

from __future__ import annotations

# These name what is in the statement: unknown tables, syntax, rights.
_SQLSTATES_OF_STATEMENTS = "42"
_SQLITE_OF_STATEMENTS = ("no such ", "near ")


def kind(error: Exception) -> str:
    """Name an error: its class, and the database's code where it has one."""
    codes = [_sqlstate(error), getattr(error, "sqlite_errorname", None)]
    codes += [argument for argument in error.args[:1] if isinstance(argument, int)]
    known = [str(code) for code in codes if code]
    return f"{type(error).__name__} ({known[0]})" if known else type(error).__name__


def reason(error: Exception) -> str:
    """Name an error, and repeat what it says where that is about the statement, which holds no row."""
    said = str(error).strip().partition("\n")[0]
    of_sqlite = hasattr(error, "sqlite_errorname") and said.startswith(_SQLITE_OF_STATEMENTS)
    if of_sqlite or _sqlstate(error).startswith(_SQLSTATES_OF_STATEMENTS):
        return f"{kind(error)}: {said}"
    return f"{kind(error)}. Its message is not repeated, because it may hold a row: run the query there to read it"


def _sqlstate(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
