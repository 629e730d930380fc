"""From an arrival of the trace to an item: which list, model and skill, how long it takes, what it costs.

Everything here is modelled; the trace has arrival times and token counts only. Each arrival draws from its own random
stream, so that the n-th item is the same whatever happened to the ones before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import UUID

from exporter.models import MICRO, SECOND, Status
from exporter.simulator.catalogue import ADHOC, EXECUTION_NAMES, MODELS, SKILLS, SOURCES, ModelProfile, SkillProfile
from exporter.simulator.items import Item, Source
from exporter.simulator.trace import Request, Service

_SOURCES = tuple(SOURCES)
_SOURCE_WEIGHTS = tuple(SOURCES.values())
_MODEL_WEIGHTS = tuple(model.weight for model in MODELS)
_SKILL_WEIGHTS = {service: tuple(skill.weight(service) for skill in SKILLS) for service in Service}

_OVERHEAD = 0.15
"""Seconds that every request takes before the first token, however short."""

_LOW_OUTPUT = 128
"""Output tokens up to which :attr:`Effects.slow_model` is slow."""


@dataclass(frozen=True, slots=True)
class Effects:
    """How a scenario bends the workload."""

    error_ratio: float = 0.01
    failing_skill: str | None = None
    failing_ratio: float = 0.4
    slow_model: str | None = None
    credit_factor: int = 1

    def failure_ratio(self, skill: str | None) -> float:
        """Return the probability that a piece of work with ``skill`` fails."""
        failing = self.failing_skill is not None and skill == self.failing_skill
        return self.failing_ratio if failing else self.error_ratio

    def slows(self, model: str, output_tokens: int) -> bool:
        """Whether ``model`` is slow with so few ``output_tokens``."""
        return model == self.slow_model and output_tokens <= _LOW_OUTPUT


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is decided of an item before the kind of its list matters."""

    source: Source
    sequence: int
    created: int
    status: Status
    model: ModelProfile
    skill: SkillProfile
    input_tokens: int
    output_tokens: int
    first_token: int
    total: int
    credit_factor: int


class Workload:
    """Makes items; deterministic by ``seed``."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, number: int) -> Random:
        """Return the random stream of the ``number``-th arrival."""
        return Random(self._seed << 40 | number)

    def item(self, request: Request, created: int, sequence: int, effects: Effects, random: Random) -> Item:
        """Return the item that a traced ``request`` becomes when it is made at ``created``."""
        source = random.choices(_SOURCES, _SOURCE_WEIGHTS)[0]
        model = random.choices(MODELS, _MODEL_WEIGHTS)[0]
        skill = random.choices(SKILLS, _SKILL_WEIGHTS[request.service])[0]
        failed = random.random() < effects.failure_ratio(skill.name)
        # A failure stops somewhere on the way: it has used its input and part of its output.
        output = int(request.output_tokens * random.random()) if failed else request.output_tokens
        first, total = _latency(model, request.input_tokens, output, random)
        if effects.slows(model.name, output):
            # The request waits for a free slot, so it is the first token that comes late.
            wait = round(random.uniform(15, 60) * SECOND)
            first, total = first + wait, total + wait
        draft = _Draft(
            source=source,
            sequence=sequence,
            created=created,
            status=Status.ERROR if failed else Status.SUCCESS,
            model=model,
            skill=skill,
            input_tokens=request.input_tokens,
            output_tokens=output,
            first_token=first,
            total=total,
            credit_factor=effects.credit_factor,
        )
        return _completion(draft, random) if source is Source.COMPLETIONS else _job(draft, random)


def _latency(model: ModelProfile, inputs: int, outputs: int, random: Random) -> tuple[int, int]:
    """Return time to first token and total time, in microseconds, the first always less than the second."""
    prefill = (_OVERHEAD + inputs / model.prefill_rate) * random.lognormvariate(0, 0.35)
    decode = (0.005 + outputs / model.decode_rate) * random.lognormvariate(0, 0.2)
    first = max(1, round(prefill * SECOND))
    return first, first + max(1, round(decode * SECOND))


def _completion(draft: _Draft, random: Random) -> Item:
    """A chat completion: listed once it has finished, under the whole second in which it began."""
    model, skill = draft.model, draft.skill
    price = draft.input_tokens * model.input_price + draft.output_tokens * model.output_price + skill.tool_price
    return Item(
        id=f"chatcmpl-{random.getrandbits(116):029x}",
        source=draft.source,
        sequence=draft.sequence,
        created=draft.created // SECOND * SECOND,
        started=draft.created,
        finished=draft.created + draft.total,
        visible=draft.created + draft.total,
        status=draft.status,
        model=model.name,
        skill=skill.name,
        input_tokens=draft.input_tokens,
        output_tokens=draft.output_tokens,
        credits=price * draft.credit_factor,
        time_to_first_token=draft.first_token,
        environment=_environment(random),
    )


def _job(draft: _Draft, random: Random) -> Item:
    """An agent execution or a request: listed from its creation, queued, run, then completed or failed.

    Its list carries neither model nor tokens; credits are whole, because the platform's own SDK takes no others.
    """
    skill = draft.skill
    is_execution = draft.source is Source.EXECUTIONS
    steps = random.randint(2, 6) if is_execution else 1
    started = draft.created + round(random.uniform(0.1, 2.0) * SECOND)
    elements = max(1, draft.input_tokens // skill.tokens_per_element)
    return Item(
        id=str(UUID(int=random.getrandbits(128), version=4)),
        source=draft.source,
        sequence=draft.sequence,
        created=draft.created,
        started=started,
        finished=started + draft.total * steps,
        visible=draft.created,
        status=draft.status,
        model=None,
        skill=EXECUTION_NAMES.get(skill.name or "", ADHOC) if is_execution else skill.name,
        input_tokens=None,
        output_tokens=None,
        credits=elements * steps * skill.element_price[draft.model.tier] * MICRO * draft.credit_factor,
        time_to_first_token=None,
        environment=_environment(random),
        elements=elements,
        element_type=skill.element_type,
        steps=steps,
    )


def _environment(random: Random) -> str:
    return "prod" if random.random() < 0.9 else "staging"
