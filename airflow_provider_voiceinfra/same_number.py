"""Whether a number that VoiceInfra names is the one that was called."""

from __future__ import annotations


def contradicts(said: object, e164: str) -> bool:
    """Tell whether a number that VoiceInfra names is another one than was sent.

    One that is missing contradicts nothing. One that cannot be read does: it may be anybody's.

    :param said: as VoiceInfra writes it: E.164, ``tel:``, with spaces or hyphens, without the plus or the country code.
    :param e164: what was sent; empty where it was purged, and nothing can be compared.
    """
    if said is None or said == e164 or not e164:
        return False
    text = str(said).strip()
    if not text:
        return False
    if isinstance(said, bool) or not isinstance(said, str | int):
        return True
    # Loading its tables takes 70 ms, which most processes never need.
    import phonenumbers

    sent = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_number(sent)
    return not any(_read(way, region) == sent for way in (text, "+" + text.lstrip("+0")))


def _read(text: str, region: str | None) -> object:
    from phonenumbers import NumberParseException, parse

    try:
        return parse(text, region)
    except NumberParseException:
        return None
