"""Webhooks to be sent: bodies of 2 kB as VoiceInfra sends them, each of another call, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

SECRET = "benchmark"
SIZE = 2_000
_TALK = "Agent: Hello, this is your practice. Does your appointment tomorrow at ten still suit you?\nCaller: Yes.\n"


def body(call_id: str) -> bytes:
    """A body of 2 kB."""
    said = {
        "call_id": call_id,
        "event": "call.completed",
        "from_number": "+14155550199",
        "to_number": f"+1415555{int(hashlib.sha256(call_id.encode()).hexdigest(), 16) % 10_000:04}",
        "agent_id": "agent_reminders",
        "duration_seconds": 61,
        "start_time": "2026-11-23T10:00:00Z",
        "end_time": "2026-11-23T10:01:01Z",
        "call_outcome": "answered",
        "recording_url": f"https://files.voiceinfra.ai/{call_id}.mp3?signature=0123456789abcdef",
        "transcript": "",
        "summary": "She confirmed her appointment.",
        "extracted_data": {"confirmed": True},
    }
    missing = SIZE - len(json.dumps(said))
    said["transcript"] = (_TALK * 30)[: missing - (missing // (len(_TALK) + 2)) * 2]
    return json.dumps(said).encode()


def sign(content: bytes, secret: str = SECRET) -> str:
    """The signature's header."""
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def write_requests(path: Path, count: int, host: str) -> None:
    """Write whole HTTP requests, each after its length in eight digits, for ``wrk.lua`` to send as they are."""
    with path.open("wb") as file:
        for number in range(count):
            content = body(f"call_{hashlib.sha256(b'%d' % number).hexdigest()[:24]}")
            head = (
                f"POST /voiceinfra/webhook HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                f"X-VoiceInfra-Event: call.completed\r\nX-VoiceInfra-Signature: {sign(content)}\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            request = head.encode() + content
            file.write(b"%08d" % len(request) + request)
