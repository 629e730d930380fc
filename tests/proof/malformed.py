"""Malformed bodies against the real decoder, and what passes it against the real intake and ledger."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec

from exporter.api.decode import MAX_ID_LENGTH, MAX_ROWS, Decoder
from exporter.api.values import MAX_CREDITS, MAX_DURATION, MAX_LABEL, MAX_TOKENS
from exporter.models import (
    MICRO,
    SECOND,
    Completion,
    FailureReason,
    Page,
    Paging,
    PollError,
    Reject,
    RejectReason,
    SeriesKey,
    Status,
)
from tests.e2e.host import forget_peak_rss, peak_rss
from tests.harness import Exporter
from tests.listing import Listing
from tests.proof.corruption import Corruptor
from tests.proof.figures import Figures
from tests.proof.truncation import LISTS, source
from tests.simulation import simulation

OBSERVED = 1_767_225_600 * SECOND
"""2026-01-01: by the clock that the stand-in's pages are made by."""

EARLIEST, LATEST = 1_420_070_400 * SECOND, 4_102_444_800 * SECOND
"""2015 and 2100: what is believed of a creation time."""

GROWTH_LIMIT = 64 << 20
"""Bytes that the process may ever have grown by: what one body takes meanwhile, and what allocators keep."""

SLOWEST = 5.0
"""Seconds that one small body may take, on a machine that is busy with other things."""

_PAGES_SHARE = 4
"""One malformed body in so many is a page at least."""

_ROWS = 4
_LONGEST_TEXT = 400


def good_pages(seed: int) -> Mapping[str, Sequence[bytes]]:
    """Return pages of every list of the stand-in, some of them with null values and odd times."""
    pages: dict[str, list[bytes]] = {name: [] for name in LISTS}
    for number, scenario in enumerate(("steady", "hostile")):
        with simulation(scenario="steady", seed=seed + number, rate=1.0, history=600.0, api_key="k") as upstream:
            if scenario == "hostile":
                for fault in ("missing_values", "timestamp_styles", "hostile_labels"):
                    upstream.control("POST", f"/fault/{fault}", probability=0.5)
            for name, path in LISTS.items():
                for skip in (0, 40, 80):
                    params = {"limit": _ROWS} | ({"skip": skip} if name != "completions" else {})
                    pages[name].append(upstream.api.get(path.lstrip("/"), params=params).raise_for_status().content)
    return pages


def bombard(*, bodies: int, seed: int, kept: int = 5_000) -> Figures:
    """Decode so many bodies, spread over the lists; let ``kept`` of the pages, if they are so many, into a ledger."""
    figures = Figures()
    pages = good_pages(seed)
    forget_peak_rss()
    before = peak_rss(os.getpid())
    taken = 0
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-malformed-") as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, (name, good) in enumerate(pages.items()):
            share = bodies // len(pages) + (number < bodies % len(pages))
            counting = _Counting(Path(folder) / f"{name}.db", source(name).paging)
            random = Random(f"{seed}/{name}")
            figures += _bombard_list(name, good, share, random, counting, kept / bodies)
            figures.problems += counting.close()
            taken += counting.taken
            figures += _cut_everywhere(name, good[-1])
            growth = peak_rss(os.getpid()) - before
            if growth > GROWTH_LIMIT:
                figures.problems.append(f"grew by {growth / 2**20:.0f} MiB over {name} of seed {seed}")
            figures.peak_rss = max(figures.peak_rss, peak_rss(os.getpid()))
            forget_peak_rss()
    if taken < min(kept, bodies // _PAGES_SHARE):
        figures.problems.append(f"{taken} pages of {kept} reached a ledger")
    return figures


def _bombard_list(
    name: str, good: Sequence[bytes], bodies: int, random: Random, counting: _Counting, kept: float
) -> Figures:
    """``kept`` is the share of the bodies that reach the ledger, as long as there are so many pages among them."""
    figures = Figures(malformed=bodies)
    decoder, corruptor = Decoder(source(name)), Corruptor(good, random)
    for number in range(bodies):
        body = corruptor.next()
        began = time.perf_counter()
        problems = []
        try:
            page = judge(decoder, body)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        else:
            if page is not None:
                problems += inconsistencies(page)
                if counting.taken <= kept * number:
                    problems += counting.take(page)
        if time.perf_counter() - began > SLOWEST:
            problems.append(f"took {time.perf_counter() - began:.1f} s")
        figures.problems += [f"{name}, body {number}, {body[:200]!r}…: {problem}" for problem in problems]
        if len(figures.problems) > 20:
            break
    figures.problems += counting.check()
    figures.decreases, figures.scrapes = counting.decreases, counting.checks
    return figures


def judge(decoder: Decoder, body: bytes) -> Page | None:
    """Return the page, None for a body that is refused as it should be. Raises AssertionError for any other refusal."""
    try:
        return decoder.decode(body, OBSERVED)
    except PollError as error:
        refused = error
    # One that holds too much has a comma between any two of its rows or values.
    large = refused.reason is FailureReason.TOO_LARGE and body.count(b",") >= MAX_ROWS
    assert large or refused.reason is FailureReason.BAD_BODY, f"refused for {refused.reason}"
    assert str(refused).isprintable(), "the refusal has control characters"
    assert len(str(refused)) <= _LONGEST_TEXT, "the refusal is too long for a log"
    return None


def inconsistencies(page: Page) -> Iterator[str]:
    """Say what a page holds that no page may hold, whatever its body was."""
    indices = [reject.index for reject in page.rejects]
    if page.size != len(page.rows) + len(page.rejects) or page.size > MAX_ROWS:
        yield f"{page.size} rows are {len(page.rows)} and {len(page.rejects)} rejected ones"
    if indices != sorted(set(indices)) or (indices and not 0 <= indices[0] <= indices[-1] < page.size):
        yield f"rejects at {indices} of {page.size}"
    if page.observed != OBSERVED or not (page.has_more is None or type(page.has_more) is bool):
        yield f"observed {page.observed}, has more {page.has_more!r}"
    for row in page.rows:
        yield from _odd_row(row)
    for reject in page.rejects:
        yield from _odd_reject(reject)


def _odd_row(row: Completion) -> Iterator[str]:
    if type(row.id) is not str or not 0 < len(row.id) <= MAX_ID_LENGTH or not _is_unicode(row.id):
        yield f"id {row.id!r}"
    if not _within(row.created, EARLIEST, LATEST - 1) or type(row.status) is not Status:
        yield f"created {row.created!r}, status {row.status!r}"
    for label in (row.model, row.skill):
        if label is not None and not (type(label) is str and 0 < len(label) <= MAX_LABEL and label.isprintable()):
            yield f"label {label!r}"
        elif label is not None and ('"' in label or "\\" in label or not _is_unicode(label)):
            yield f"label {label!r} breaks quotes"
    for amount, most in (
        (row.input_tokens, MAX_TOKENS),
        (row.output_tokens, MAX_TOKENS),
        (row.credits, MAX_CREDITS * MICRO),
        (row.duration, MAX_DURATION),
        (row.time_to_first_token, MAX_DURATION),
    ):
        if amount is not None and not _within(amount, 0, most):
            yield f"amount {amount!r}"
    if row.finished is not None and not _within(row.finished, row.created, LATEST - 1):
        yield f"finished {row.finished!r}, created {row.created!r}"


def _odd_reject(reject: Reject) -> Iterator[str]:
    if type(reject.reason) is not RejectReason or len(reject.digest) != 8 or len(reject.detail) > _LONGEST_TEXT:
        yield f"reject {reject!r}"
    if not reject.detail.isprintable():
        yield f"control characters in {reject.detail!r}"
    if reject.created is not None and not _within(reject.created, EARLIEST, LATEST - 1):
        yield f"rejected row created {reject.created!r}"


def _within(value: object, least: int, most: int) -> bool:
    # Not isinstance: True is an int too.
    return type(value) is int and least <= value <= most


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cut_everywhere(name: str, body: bytes) -> Figures:
    """Cut a good page at every byte: none of that is a page."""
    figures = Figures(malformed=len(body))
    decoder = Decoder(source(name))
    assert decoder.decode(body, OBSERVED).size == _ROWS
    for length in range(len(body)):
        if judge(decoder, body[:length]) is not None:
            figures.problems.append(f"{name}: {length} bytes of {len(body)} are a page: {body[:length]!r}")
    return figures


class _Counting:
    """A real intake with a real ledger, and what they have counted so far."""

    def __init__(self, path: Path, paging: Paging) -> None:
        self._exporter = Exporter(path, Listing(paging, Random(0), now=OBSERVED), look_back=3_600)
        self._seen: Counter[tuple[SeriesKey, int]] = Counter()
        self.taken = 0
        self.checks = 0
        self.decreases = 0

    def take(self, page: Page) -> list[str]:
        """Let a page in, as whatever was asked for."""
        intake = self._exporter.intake
        self.taken += 1
        # Time goes on, or all that comes later would be below what is proven.
        page = msgspec.structs.replace(page, observed=OBSERVED + self.taken)
        try:
            errand = intake.errand(page.observed) if self.taken % 3 else None
            if errand is None:
                intake.head(page)
            else:
                errand.take(page)
        except Exception as error:
            return [f"the intake cannot take the page: {error!r}"]
        return self.check() if self.taken % 50 == 0 else []

    def check(self) -> list[str]:
        """Compare all totals with what they were before."""
        totals = self._exporter.books.totals
        now = Counter({(key, slot): value for key, values in totals.items() for slot, value in enumerate(values)})
        back = [place for place, value in self._seen.items() if now[place] < value]
        self._seen = now
        self.checks += 1
        self.decreases += len(back)
        return [f"total {place} went back" for place in back]

    def close(self) -> list[str]:
        """Start again from the ledger, which must hold the same, and end; say what does not hold."""
        self._exporter.kill()
        problems = self.check()
        if self.taken and not self._exporter.counted:
            problems.append("no row of any page was counted: this proves nothing")
        self._exporter.close()
        return problems
