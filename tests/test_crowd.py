"""Who gives way when a server is full: properties of any sequence of comings, waits and goings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from exporter.web.crowd import Crowd
from exporter.web.limits import Limits, Refusal

LIMITS = Limits(max_connections=4, max_unread_bytes=100)


@dataclass(eq=False)
class Someone:
    """A connection that remembers why it had to go."""

    address: str
    bytes: int = 0
    closed: list[Refusal] = field(default_factory=list)

    def unread(self) -> int:
        return self.bytes

    def give_way(self, reason: Refusal) -> None:
        self.closed.append(reason)


STEPS = st.lists(
    st.tuples(st.sampled_from(["enter", "wait", "work", "leave"]), st.sampled_from("abc"), st.integers(0, 5)),
    max_size=40,
)


@given(STEPS)
def test_who_goes_is_of_those_that_hold_the_most_and_has_waited_the_longest(steps: list[tuple[str, str, int]]) -> None:
    crowd, inside, waiting = Crowd(LIMITS), list[Someone](), list[Someone]()
    for step, address, which in steps:
        someone = inside[which % len(inside)] if inside else None
        if step == "enter":
            newcomer, full = Someone(address), len(inside) == LIMITS.max_connections
            held = Counter(each.address for each in (*inside, newcomer))
            largest = [each for each in inside if held[each.address] == max(held.values())]
            candidates = [each for each in waiting if each in largest]
            if held[address] < max(held.values()):
                candidates += largest
            assert crowd.enter(newcomer) == (not full or bool(candidates))
            gone = [each for each in inside if each.closed]
            assert gone == (candidates[:1] if full else [])
            inside = [each for each in inside if not each.closed]
            waiting = [each for each in waiting if not each.closed]
            if not full or candidates:
                inside.append(newcomer)
        elif someone is not None:
            if someone in waiting:
                waiting.remove(someone)
            if step == "wait":
                crowd.waits(someone)
                waiting.append(someone)
            elif step == "work":
                crowd.works(someone)
            else:
                crowd.leave(someone)
                inside.remove(someone)


def test_nobody_keeps_others_out_by_being_busy() -> None:
    crowd = Crowd(LIMITS)
    crowded = [Someone("192.0.2.1") for _ in range(LIMITS.max_connections)]
    for someone in crowded:
        assert crowd.enter(someone)
    assert not crowd.enter(Someone("192.0.2.1"))
    assert crowd.enter(Someone("192.0.2.2"))
    assert [bool(each.closed) for each in crowded] == [True, False, False, False]


def test_addresses_of_one_network_are_one_client() -> None:
    crowd = Crowd(LIMITS)
    scraper = Someone("2001:db8:1::1")
    assert crowd.enter(scraper)
    crowd.waits(scraper)
    for number in range(20):
        someone = Someone(f"2001:db8:2::{number:x}")
        assert crowd.enter(someone)
        crowd.waits(someone)
    assert not scraper.closed


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 150)), max_size=12))
def test_what_is_unread_is_bounded_but_for_one_answer(stalls: list[tuple[str, int]]) -> None:
    crowd = Crowd(Limits(max_connections=100, max_unread_bytes=100))
    everybody = []
    for address, unread in stalls:
        someone = Someone(address, unread)
        everybody.append(someone)
        assert crowd.enter(someone)
        crowd.stalls(someone)
        left = [each for each in everybody if not each.closed]
        assert len(left) == 1 or sum(each.bytes for each in left) <= 100
        assert all(each.closed in ([], [Refusal.TOO_MUCH_UNREAD]) for each in everybody)


def test_who_reads_on_is_not_cut() -> None:
    crowd = Crowd(LIMITS)
    reader, sluggard = Someone("a", 90), Someone("a", 90)
    assert crowd.enter(reader) and crowd.enter(sluggard)
    crowd.stalls(reader)
    crowd.flows(reader)
    crowd.stalls(sluggard)
    assert not reader.closed and not sluggard.closed


def test_who_has_left_is_forgotten() -> None:
    crowd = Crowd(LIMITS)
    gone = Someone("a", 1000)
    assert crowd.enter(gone)
    crowd.leave(gone)
    crowd.waits(gone)
    crowd.stalls(gone)
    everybody = [Someone("b", 25) for _ in range(LIMITS.max_connections)]
    for someone in everybody:
        assert crowd.enter(someone)
        crowd.stalls(someone)
    assert not crowd.enter(Someone("b"))
    assert not any(each.closed for each in (gone, *everybody))
