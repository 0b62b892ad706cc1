"""Webhooks as VoiceInfra sends them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time


def body(call_id="call_1", **fields):
    return json.dumps({"event": "call.completed", "call_id": call_id, "call_outcome": "answered", **fields}).encode()


def sign(content, secret="s3cret"):
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def wait_until(true):
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
