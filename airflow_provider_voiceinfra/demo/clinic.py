"""The demo's small warehouse: a clinic's appointments, in SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

# Name, number as it was written down, time of the appointment. The last two digits select the outcome.
_PEOPLE = (
    ("Ada Lovelace", "(415) 555-0100", "09:00"),
    ("Grace Hopper", "+1 212 555 0100", "09:30"),
    ("Katherine Johnson", "304-555-0100", "10:15"),
    ("Hedy Lamarr", "+1 (310) 555-0101", "11:00"),
    ("Mary Anning", "617.555.0102", "13:30"),
    ("Rosalind Franklin", "1-773-555-0100", "15:00"),
)


@dataclass(frozen=True, slots=True)
class Appointment:
    """A row of the warehouse; the last fields are filled in by the DAG."""

    id: int
    name: str
    phone: str
    starts: str
    outcome: str | None
    seconds: int | None
    confirmed: bool | None
    summary: str | None


class Clinic:
    """The warehouse that the demo's DAG reads and writes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def book_appointments(self) -> list[Appointment]:
        """Book an appointment for each person tomorrow."""
        tomorrow = f"{date.today() + timedelta(days=1):%A, %d %B}"  # noqa: DTZ011 - the laptop's own tomorrow
        with closing(sqlite3.connect(self.path)) as warehouse, warehouse:
            warehouse.execute(
                "CREATE TABLE IF NOT EXISTS appointments (id INTEGER PRIMARY KEY AUTOINCREMENT, name, phone, starts, "
                "outcome, seconds, confirmed, summary)"
            )
            # Left over from a demo that was stopped.
            warehouse.execute("DELETE FROM appointments WHERE outcome IS NULL")
            booked = warehouse.execute("SELECT coalesce(max(id), 0) FROM appointments").fetchone()[0]
            warehouse.executemany(
                "INSERT INTO appointments (name, phone, starts) VALUES (?, ?, ?)",
                [(name, phone, f"{tomorrow} at {time}") for name, phone, time in _PEOPLE],
            )
        return self.appointments(after=booked)

    def appointments(self, *, after: int) -> list[Appointment]:
        """Read appointments, in order."""
        with closing(sqlite3.connect(self.path)) as warehouse:
            rows = warehouse.execute("SELECT * FROM appointments WHERE id > ? ORDER BY id", (after,))
            return [Appointment(*row) for row in rows]
