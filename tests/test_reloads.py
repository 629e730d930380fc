"""However often a reload is asked for: one is at work, one waits, and nobody gets an answer older than the question."""

from __future__ import annotations

import asyncio

from exporter.reloads import Reloads


def test_who_asks_while_one_waits_shares_it() -> None:
    async def main() -> None:
        begun: list[int] = []
        gates = [asyncio.Event() for _ in range(4)]

        async def work() -> str | None:
            number = len(begun)
            begun.append(number)
            await gates[number].wait()
            return f"problem {number}"

        reloads = Reloads(work)
        first = reloads.soon()
        await asyncio.sleep(0)
        assert begun == [0]
        crowd = [reloads.soon() for _ in range(100)]
        gates[0].set()
        assert await first == "problem 0"
        gates[1].set()
        gates[2].set()
        assert await asyncio.gather(*crowd) == ["problem 1"] * 100
        assert await reloads.soon() == "problem 2"
        assert begun == [0, 1, 2]

    asyncio.run(main())


def test_one_that_was_given_up_does_not_keep_the_next_from_working() -> None:
    async def main() -> None:
        done: list[str] = []

        async def work() -> None:
            done.append("work")

        reloads = Reloads(work)
        async with reloads.turn:
            asking = asyncio.ensure_future(asyncio.shield(reloads.soon()))
            await asyncio.sleep(0)
            asking.cancel()
            assert not done
        assert await reloads.soon() is None
        assert done == ["work"]

    asyncio.run(main())
