"""What was said in a call, as a conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LABEL = re.compile(r"\s*([A-Za-z][\w .-]{0,30}):\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one of them said, until the other one spoke.

    :param speaker: as VoiceInfra labels it, such as ``Agent`` or ``Caller``; empty where nothing says who it is.
    """

    speaker: str
    text: str = field(repr=False)

    @property
    def by_agent(self) -> bool:
        """Whether the agent said it."""
        return self.speaker.lower() in {"agent", "assistant", "ai", "bot"}


def conversation(transcript: str) -> list[Turn]:
    """Read a transcript, whose lines begin with a label such as ``Agent:``; one without goes on with the line before.

    A label that is written for the first time in the middle of a talk may be a word of it: only those that begin
    a line count.
    """
    turns: list[Turn] = []
    for line in transcript.splitlines():
        match = _LABEL.fullmatch(line)
        speaker, text = match.groups() if match else ("", line.strip())
        if turns and (not match or speaker == turns[-1].speaker):
            turns[-1] = Turn(turns[-1].speaker, f"{turns[-1].text}\n{text}".strip())
        elif match or text:
            turns.append(Turn(speaker, text.strip()))
    return [turn for turn in turns if turn.text]
