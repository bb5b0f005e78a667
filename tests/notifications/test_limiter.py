"""The limiter on a clock of its own: what it allows in a second, whom first, and what a pause does."""

import asyncio
from collections.abc import Coroutine

from notifications import limiter as module
from notifications.limiter import Lane, Limiter


class Time:
    """Time that passes only when everybody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


async def turns(limiter: Limiter, time: Time, chats: list[int], lane: Lane = Lane.ANSWER) -> list[float]:
    """Return after how many seconds each of the chats had its turn, one after another."""
    began = time.now
    times = []
    for chat in chats:
        await limiter.turn(chat, lane)
        times.append(round(time.now - began, 2))
    return times


def run(chats: list[int], lane: Lane = Lane.ANSWER, *, pause: float = 0) -> list[float]:
    async def main() -> list[float]:
        time = Time()
        limiter = Limiter(per_second=10, per_chat_second=1, clock=lambda: time.now, sleep=time.sleep)
        if pause:
            limiter.pause(pause)
        return await turns(limiter, time, chats, lane)

    return asyncio.run(main())


def test_one_chat_has_a_burst_of_three_then_one_a_second():
    assert run([1] * 6) == [0, 0, 0, 1, 2, 3]


def test_different_chats_share_ten_a_second_after_the_burst():
    times = run(list(range(25)))
    assert times[:5] == [0] * 5
    assert times[14] == 1.0 and times[24] == 2.0


def test_a_pause_holds_everybody():
    assert run([1, 2], pause=7)[0] >= 7.1


def test_a_broadcast_leaves_tokens_for_answers():
    assert run(list(range(6)), Lane.BROADCAST)[3] > 0
    assert run(list(range(5)), Lane.ANSWER)[4] == 0


def test_transactional_messages_have_a_share_that_answers_cannot_take():
    async def main() -> int:
        time = Time()
        limiter = Limiter(per_second=10, per_chat_second=1, clock=lambda: time.now, sleep=time.sleep)
        sent: list[Lane] = []

        async def flood(lane: Lane, chats: range) -> None:
            for chat in chats:
                await limiter.turn(chat, lane)
                sent.append(lane)

        work: list[Coroutine[object, object, None]] = [
            flood(Lane.ANSWER, range(60)),
            flood(Lane.TRANSACTIONAL, range(100, 110)),
        ]
        await asyncio.gather(*work)
        return sent[:40].count(Lane.TRANSACTIONAL)

    assert asyncio.run(main()) >= 4


def test_chats_long_quiet_are_forgotten():
    async def main() -> int:
        limiter = Limiter(per_second=10**6, per_chat_second=1)
        for chat in range(module.CHATS_REMEMBERED + 50):
            await limiter.turn(chat, Lane.ANSWER)
        return len(limiter._chats)

    assert asyncio.run(main()) == module.CHATS_REMEMBERED
