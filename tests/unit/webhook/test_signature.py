"""The signature: every form that VoiceInfra may use, and nobody else's."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from airflow_provider_voiceinfra.webhook.signature import fits

BODY, SECRET = b'{"call_id": "1"}', "s3cret"
DIGEST = hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()
HEX = DIGEST.hex()

FORMS = [HEX, HEX.upper(), f"sha256={HEX}", f"SHA256={HEX.upper()}", base64.b64encode(DIGEST).decode(), f" {HEX} "]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_right_signature_is_taken(form):
    assert fits(BODY, form, [SECRET])


def test_both_secrets_are_taken_during_a_rotation():
    assert fits(BODY, HEX, ["new", SECRET])


@pytest.mark.parametrize("form", [None, "", "sha256=", HEX[:-1], HEX[:-2] + "00", "ä" * 64, "=" * 64, HEX + HEX, "\0"])
def test_anything_else_is_refused(form):
    assert not fits(BODY, form, [SECRET])


@pytest.mark.parametrize("form", FORMS)
def test_another_body_or_another_secret_is_refused(form):
    assert not fits(BODY + b" ", form, [SECRET])
    assert not fits(BODY, form, ["another"])


def test_no_secret_lets_nobody_in():
    assert not fits(BODY, HEX, [])
