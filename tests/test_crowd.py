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
def test_a_newcomer_gets_in_unless_everybody_is_being_worked_for(steps: list[tuple[str, str, int]]) -> None:
    crowd, inside, waiting = Crowd(LIMITS), list[Someone](), list[Someone]()
    for step, address, which in steps:
        someone = inside[which % len(inside)] if inside else None
        if step == "enter":
            newcomer = Someone(address)
            before, expected = list(inside), None
            if len(inside) == LIMITS.max_connections and waiting:
                held = Counter(each.address for each in inside)
                most = max(held[each.address] for each in waiting)
                expected = next(each for each in waiting if held[each.address] == most)
            entered = crowd.enter(newcomer)
            assert entered == (len(before) < LIMITS.max_connections or bool(waiting))
            assert [each for each in before if each.closed] == ([expected] if expected else [])
            if entered:
                inside.append(newcomer)
            if expected:
                assert expected.closed == [Refusal.TOO_MANY_CONNECTIONS]
                inside.remove(expected)
                waiting.remove(expected)
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
    assert not crowd.enter(Someone("c"))
    assert not any(each.closed for each in (gone, *everybody))
