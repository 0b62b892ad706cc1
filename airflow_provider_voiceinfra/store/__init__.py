"""The call store: the database of calls and completions that decides whether a call may be placed."""
