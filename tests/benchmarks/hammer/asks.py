"""What is asked for: each call is drawn by the seed and its number alone, whichever process draws it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.keys import own_key, task_key
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.sandbox import SCENARIOS
from airflow_provider_voiceinfra.store.models import Source
from tests.benchmarks.hammer.pace import LIFETIME

TRIES = 3
MARKER = "intent"
"""The variable by which the sandbox's calls are counted for each intent."""

_MAPPED = 10
# Two for each map index: no two of a task call the same number.
_AREAS = (201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228)
_WEIGHTS = {"00": 12, "01": 12, "02": 12, "10": 1, "33": 1}
_WEIGHT = 2
_OWN_KEYS, _SIBLINGS, _RACES, _REPEATS, _RETURNS, _LOOK_UPS = 0.5, 0.15, 0.2, 0.1, 0.5, 0.4


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls are asked for, by how many processes, and the seed of all that is left to chance."""

    calls: int = 10_000
    processes: int = 8
    seed: int = 1

    def chance(self, *what: object) -> random.Random:
        """Return the random numbers that decide one thing, the same in every run and process."""
        return random.Random("/".join(map(str, (self.seed, *what))))

    @property
    def agents(self) -> list[str]:
        """So many that not many calls share agent and numbers by chance."""
        return [f"agent_{n}" for n in range(max(3, self.calls // 100))]


@dataclass(frozen=True, slots=True)
class Found:
    """What a person found in VoiceInfra's call log of a call that is unknown.

    :param call_id: None where it is not there.
    """

    ref: str
    call_id: str | None


@dataclass(frozen=True, slots=True)
class Ask:
    """One worker's turn at one intent.

    :param number: the intent's.
    :param copy: 1 for the second of two that race for it.
    :param turn: how many workers had it in hand before.
    :param tries: how many tries have come to an end.
    :param found: by which its call is to be resolved before.
    """

    number: int
    copy: int = 0
    turn: int = 0
    tries: int = 0
    found: Found | None = field(default=None, repr=False)

    def taken_over(self) -> Ask:
        """Let another worker take it, because this one is dead or thought to be."""
        return replace(self, turn=self.turn + 1)

    def tried_again(self, found: Found | None = None) -> Ask:
        """Let it have its next try."""
        return replace(self, turn=self.turn + 1, tries=self.tries + 1, found=found)


def asks(plan: Plan, number: int) -> list[Ask]:
    """Ask for an intent: once, or for a share of them twice, by two workers at the same time."""
    racing = plan.chance("race", number).random() < _RACES
    return [Ask(number, copy) for copy in range(2 if racing else 1)]


def repeats(plan: Plan, ask: Ask) -> bool:
    """Return whether it is tried again although the call is placed, as Airflow does at times."""
    return ask.tries == 0 and plan.chance("repeat", ask).random() < _REPEATS


def returns_after(plan: Plan, ask: Ask) -> float | None:
    """Draw after how many seconds it is tried again where nobody knew whether the call is placed, if it is."""
    chance = plan.chance("return", ask)
    return chance.uniform(0.1, 1.3) * LIFETIME.total_seconds() if chance.random() < _RETURNS else None


def is_looked_up(plan: Plan, ask: Ask) -> bool:
    """Return whether a person looks for the call before that."""
    return plan.chance("look up", ask).random() < _LOOK_UPS


def patience(plan: Plan, ask: Ask) -> float:
    """Draw for how many seconds it waits while another places the call; some wait until its claim is too old."""
    [seconds] = plan.chance("patience", ask).choices([0.0, 0.3, LIFETIME.total_seconds() + 1.0], [8, 1, 1])
    return seconds


def intent(plan: Plan, account: Account, ask: Ask) -> CallIntent:
    """Make what is to be placed; two that race for a key of one's own do so from different DAGs."""
    request = CallRequest.build(account, **_party(plan, ask.number), variables={MARKER: ask.number})
    own = plan.chance("key", ask.number).random() < _OWN_KEYS
    run = f"run-{ask.number // _MAPPED}"
    source = Source(f"dag-{ask.copy if own else 0}", run, run, "call", ask.number % _MAPPED)
    if own:
        key = own_key(f"hammer-{ask.number}", to_number=request.to_number)
    else:
        key = task_key(source, to_number=request.to_number)
    return CallIntent(key, request, source)


def _party(plan: Plan, number: int) -> dict[str, str]:
    """Draw who calls whom; a share of the intents have their webhooks taken for those of the run before."""
    if number >= _MAPPED and plan.chance("sibling", number).random() < _SIBLINGS:
        number -= _MAPPED
    chance, index = plan.chance("party", number), number % _MAPPED
    area = chance.choice(_AREAS[2 * index : 2 * index + 2])
    codes = [scenario.code for scenario in SCENARIOS]
    [code] = chance.choices(codes, [_WEIGHTS.get(code, _WEIGHT) for code in codes])
    return {"to_number": f"+1{area}55501{code}", "agent_id": chance.choice(plan.agents)}
