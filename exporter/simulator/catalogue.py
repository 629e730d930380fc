"""What the simulated account uses: models, skills, and the share of traffic, speed and price of each.

Names follow the platform's documentation. Prices per page, image and five minutes are the documented ones; token prices
and speeds are plausible inventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from exporter.simulator.items import Source
from exporter.simulator.trace import Service


class Tier(IntEnum):
    """Index into :attr:`SkillProfile.element_price`: the quality asked for."""

    FAST = 0
    AUTO = 1
    PRO = 2


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A model: its share of traffic, tokens per second in and out, micro-credits per token in and out."""

    name: str
    weight: int
    tier: Tier
    prefill_rate: int
    decode_rate: int
    input_price: int
    output_price: int


@dataclass(frozen=True, slots=True)
class SkillProfile:
    """A skill or domain: its share of either service's traffic, micro-credits a call, and what it counts and bills."""

    name: str | None
    conv_weight: int
    code_weight: int
    tool_price: int
    element_type: str
    tokens_per_element: int
    element_price: tuple[int, int, int]

    def weight(self, service: Service) -> int:
        return self.conv_weight if service is Service.CONV else self.code_weight


SOURCES: Final[Mapping[Source, int]] = {Source.COMPLETIONS: 82, Source.REQUESTS: 10, Source.EXECUTIONS: 8}
"""Shares of the traffic."""

MODELS: Final = (
    ModelProfile("vlmrun-orion-1:lite", 8, Tier.FAST, 16_000, 200, 10, 60),
    ModelProfile("vlmrun-orion-1:fast", 18, Tier.FAST, 12_000, 160, 25, 150),
    ModelProfile("vlmrun-orion-1:auto", 24, Tier.AUTO, 8_000, 95, 60, 300),
    ModelProfile("vlmrun-orion-1:pro", 12, Tier.PRO, 4_500, 50, 150, 800),
    ModelProfile("vlmrun-orion-2:fast", 14, Tier.FAST, 14_000, 180, 40, 200),
    ModelProfile("vlmrun-orion-2:auto", 16, Tier.AUTO, 9_000, 110, 90, 450),
    ModelProfile("vlmrun-orion-2:pro", 8, Tier.PRO, 5_000, 60, 250, 1_250),
)

_DOCUMENT = ("page", 1_500, (1, 2, 4))
_IMAGE = ("image", 1_200, (1, 2, 4))
_AUDIO = ("audio", 3_000, (1, 1, 2))
_VIDEO = ("video", 6_000, (10, 10, 20))

SKILLS: Final = (
    SkillProfile(None, 36, 4, 0, *_IMAGE),
    SkillProfile("document.invoice", 22, 52, 1_000_000, *_DOCUMENT),
    SkillProfile("document.receipt", 6, 18, 500_000, *_DOCUMENT),
    SkillProfile("document.resume", 3, 8, 1_000_000, *_DOCUMENT),
    SkillProfile("document.us-drivers-license", 2, 8, 500_000, *_DOCUMENT),
    SkillProfile("healthcare.medical-insurance-card", 1, 6, 2_000_000, *_DOCUMENT),
    SkillProfile("image.caption", 18, 4, 250_000, *_IMAGE),
    SkillProfile("audio.transcription", 5, 0, 1_000_000, *_AUDIO),
    SkillProfile("video.summary", 7, 0, 8_000_000, *_VIDEO),
)

ADHOC: Final = "ad-hoc-agent"
"""The name of an execution of no particular skill."""

EXECUTION_NAMES: Final[Mapping[str, str]] = {
    "document.invoice": "invoice-extraction",
    "document.receipt": "receipt-matching",
    "document.resume": "resume-screening",
    "document.us-drivers-license": "identity-check",
    "healthcare.medical-insurance-card": "insurance-intake",
    "image.caption": "catalogue-captions",
    "audio.transcription": "call-transcripts",
    "video.summary": "video-digest",
}
