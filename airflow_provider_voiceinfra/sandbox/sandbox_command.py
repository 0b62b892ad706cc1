"""The command ``sandbox``, which runs a simulated VoiceInfra in a terminal."""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import datetime
from http import HTTPStatus

from airflow_provider_voiceinfra.sandbox.records import Delivery, Dial
from airflow_provider_voiceinfra.sandbox.scenarios import SCENARIOS
from airflow_provider_voiceinfra.sandbox.server import AGENTS, FROM_NUMBERS, Sandbox

_SHOWN = ("00", "01", "02", "12", "20", "64")
_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def run(args: argparse.Namespace) -> int:
    """Run the sandbox until SIGINT or SIGTERM.

    :param args: host, port, webhook_url, api_key, slow_answer, late; secret, agents and from_numbers, None
        for the sandbox's own; and delay as a string: ``3`` or ``2-5``
    """
    # Blocked before any thread starts, so that the signal waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        with _sandbox(args) as sandbox:
            _print(_introduction(sandbox, args))
            signal.sigwait(_STOP_SIGNALS)
    except ValueError as error:
        _print(str(error))
        return 2
    except OSError as failure:
        _print(
            f"Cannot listen at {args.host}:{args.port} ({failure.strerror}). If another sandbox runs there, choose "
            "another --port, and enter the base URL and the secret that are then printed in your Airflow's connection."
        )
        return 1
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    return 0


def parse_delay(text: str) -> tuple[float, float]:
    """Return the minimum and maximum duration of a call, in seconds.

    :param text: ``3`` or ``2-5``
    :raises ValueError: if it is invalid
    """
    shortest, _, longest = text.partition("-")
    try:
        delay = (float(shortest), float(longest or shortest))
    except ValueError:
        delay = (-1.0, -1.0)
    if not 0 <= delay[0] <= delay[1]:
        msg = f"--delay must be seconds, such as 3 or 2-5, not {text!r}."
        raise ValueError(msg)
    return delay


def masked(number: str) -> str:
    """Mask an E.164 number: ``+1415•••0100``."""
    shown = (5, 4) if len(number) > 10 else (2, 2)  # noqa: PLR2004
    return f"{number[: shown[0]]}•••{number[-shown[1] :]}"


def _sandbox(args: argparse.Namespace) -> Sandbox:
    return Sandbox(
        host=args.host,
        port=args.port,
        api_key=args.api_key,
        agents=args.agents or AGENTS,
        from_numbers=args.from_numbers or FROM_NUMBERS,
        webhook_url=args.webhook_url,
        secret=args.secret,
        delay=parse_delay(args.delay),
        slow_answer=args.slow_answer,
        late=args.late,
        on_dial=_show_dial,
        on_delivery=_show_delivery,
    )


def _introduction(sandbox: Sandbox, args: argparse.Namespace) -> str:
    shown = [scenario for scenario in SCENARIOS if scenario.code in _SHOWN]
    return "\n".join(
        [
            "A simulated VoiceInfra: no phone rings.",
            "",
            f"  base URL     {sandbox.url}",
            f"  API key      {args.api_key}",
            f"  agent        {', '.join(args.agents or AGENTS)}",
            f"  from number  {', '.join(args.from_numbers or FROM_NUMBERS)}",
            f"  secret       {sandbox.secret}",
            f"  webhook      {args.webhook_url or 'none: start with --webhook-url to have completions sent'}",
            "",
            "The callee's number selects the scenario:",
            *(f"  {scenario.number}  {scenario.happens}" for scenario in shown),
            f"  any other     like the first; all scenarios: {sandbox.url.removesuffix('/v1')}/sandbox",
            "",
            "Ctrl-C ends it.",
            "",
        ]
    )


def _show_dial(dial: Dial) -> None:
    _note(f"call     {dial.call_id}  {masked(dial.to_number)}  {dial.scenario.name}")


def _show_delivery(delivery: Delivery) -> None:
    if delivery.acknowledged:
        _note(f"webhook  {delivery.call_id}  delivered")
    else:
        rejected = delivery.status == HTTPStatus.UNAUTHORIZED
        hint = ", as the connection there has another webhook_secret" if rejected else ""
        _note(f"webhook  {delivery.call_id}  try {delivery.attempt}: {delivery.status or delivery.error}{hint}")


def _note(line: str) -> None:
    _print(f"{datetime.now().astimezone():%H:%M:%S}  {line}")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
