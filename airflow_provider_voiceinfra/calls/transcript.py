"""Parses the transcript of a call into turns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# VoiceInfra writes Agent and Caller; similar services write the others.
_AGENT, _CALLER = ("agent", "assistant", "ai", "bot"), ("caller", "callee", "customer", "user", "human")
_LABEL = re.compile(rf"\s*({'|'.join((*_AGENT, *_CALLER))})\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's words, until the other one speaks.

    :param speaker: VoiceInfra's label, such as ``Agent`` or ``Caller``; empty if there is none.
    """

    speaker: str
    text: str = field(repr=False)

    @property
    def by_agent(self) -> bool:
        """Whether the agent is the speaker."""
        return self.speaker.lower() in _AGENT


def conversation(transcript: str) -> list[Turn]:
    """Parse a transcript, whose turns begin with a label such as ``Agent:``; a line without one continues the turn."""
    turns: list[Turn] = []
    for line in transcript.splitlines():
        match = _LABEL.fullmatch(line)
        speaker, text = match.groups() if match else ("", line)
        if turns and (not match or speaker == turns[-1].speaker):
            turns[-1] = Turn(turns[-1].speaker, f"{turns[-1].text}\n{text}".strip())
        elif match or text:
            turns.append(Turn(speaker, text.strip()))
    return [turn for turn in turns if turn.text]
