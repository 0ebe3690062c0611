"""What a receiver is owed and how it is offered that, over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from notices import SECOND, alert, offering, resolved, until
from receiver import Receiver

from runwire.wire import Alert
from runwire_alerting.notifiers.breaker import FAILURES_MAX
from runwire_alerting.notifiers.webhook import Webhook
from runwire_alerting.routes import Want
from runwire_server.local import ports

Listen = Callable[..., Receiver]


def test_one_that_answers_500_for_long_gets_each_notice_once_under_one_key(listen: Listen) -> None:
    """Sixty times 500, then 200: one notice is taken, under the key that all tries had, and recorded once."""
    hook = listen(Receiver(statuses={"run-0": [500] * 60}))

    async def play() -> None:
        async with offering(Webhook(hook.url, 5)) as (offered, deliveries):
            offered.tell(alert())
            await until(lambda: deliveries, "delivered")
            assert offered.waiting == 0

    asyncio.run(play())
    assert hook.asked == [f"{0:016x}-1-firing"] * 61
    assert len(hook.taken) == 1


def test_one_that_was_down_gets_every_state_in_order_when_it_is_back(listen: Listen) -> None:
    """Twenty alerts fire, half of them are over and ten of these fire anew before anybody listens: all of it is told,
    each alert's begin before its end.
    """
    port = ports.free()
    alerts = [alert(number) for number in range(20)]
    anew = [replace(one, episode=2, version=4) for one in alerts[:5]]

    async def play() -> None:
        async with offering(Webhook(f"http://127.0.0.1:{port}/hook", 5)) as (offered, deliveries):
            for one in alerts:
                offered.tell(one)
            await until(lambda: offered._breaker.open, "it is given up on for a while")
            for one in alerts[:10]:
                offered.tell(resolved(one))
            for one in anew:
                offered.tell(one)
            assert offered.waiting == 35
            hook = listen(port=port)
            await until(lambda: len(deliveries) == 35, "all delivered")
            for index, one in enumerate(alerts):
                states = ["1-firing", "1-resolved", "2-firing"][: 1 + (index < 10) + (index < 5)]
                assert [key for key, body in hook.of(one.run)] == [f"{one.id}-{state}" for state in states]

    asyncio.run(play())


def test_who_goes_on_for_another_worker_tells_of_the_states_that_none_has_told(listen: Listen) -> None:
    """Of firing, resolved and firing anew what lies behind the last state that was taken is told, in order; of one
    whose present state was taken nothing, and nothing of what is older than notices are offered.
    """
    hook = listen()

    def history(number: int, taken: int) -> tuple[Alert, list[Alert]]:
        first = alert(number)
        states = [first, replace(resolved(first), version=2), replace(first, episode=2, version=3)]
        if taken:
            states[taken - 1] = replace(states[taken - 1], delivered_at={digest: first.fired_at})
        return states[-1], states[:-1]

    async def play() -> None:
        async with offering(Webhook(hook.url, 5)) as (offered, deliveries):
            nonlocal digest
            digest = offered.digest
            old = alert(9, told_at=1)
            over = replace(resolved(old), told_at=None)
            offered.owe([*(history(number, number) for number in range(4)), (over, [old])])
            await until(lambda: len(deliveries) == 7, "all delivered")
            assert offered.waiting == 0

    digest = ""
    asyncio.run(play())
    keys = [[key.split("-", 1)[1] for key, _ in hook.of(f"run-{number}")] for number in (0, 1, 2, 3, 9)]
    every = ["1-firing", "1-resolved", "2-firing"]
    assert keys == [every, every[1:], every[2:], [], ["1-resolved"]]


def test_one_that_hangs_is_asked_by_a_few_and_then_by_one_and_holds_up_no_other(listen: Listen) -> None:
    """Of thirty notices eight at most wait for its answer at a time, and single ones once the breaker is open."""
    hangs, hook = listen(Receiver(hangs=True)), listen()

    async def play() -> None:
        async with (
            offering(Webhook(hangs.url, 0.3)) as (stuck, _),
            offering(Webhook(hook.url, 5)) as (offered, deliveries),
        ):
            for number in range(30):
                stuck.tell(alert(number))
                offered.tell(alert(number))
            await until(lambda: len(deliveries) == 30, "the other one has all")
            assert len(stuck._flying) <= 8
            await until(lambda: stuck._breaker.open, "it is given up on for a while")
            await until(lambda: len(stuck._flying) <= 1, "what was under way is over")
            asked = len(hangs.asked)
            while len(hangs.asked) < asked + 3:
                assert len(stuck._flying) <= 1
                await asyncio.sleep(0.005)
            assert stuck.waiting == 30

    asyncio.run(play())


def test_one_that_asks_for_time_is_not_asked_before(listen: Listen) -> None:
    """After a 429 with Retry-After no notice at all goes there until then."""
    hook = listen(Receiver(statuses={"run-0": [429]}, retry_after="60"))

    async def play() -> None:
        async with offering(Webhook(hook.url, 5)) as (offered, deliveries):
            offered.tell(alert(0))
            await until(lambda: hook.asked, "asked")
            await until(lambda: not offered._flying, "answered")
            offered.tell(alert(1))
            assert 58 < offered._breaker.wait(time.monotonic()) <= 60
            await asyncio.sleep(0.2)  # ten times the longest pause: that nothing happens is the point
            assert not deliveries

    asyncio.run(play())
    assert len(hook.asked) == 1


def test_a_notice_that_is_refused_for_too_long_is_given_up(listen: Listen) -> None:
    """After `retry_for` seconds it is offered no more, and nothing is recorded."""
    hook = listen(Receiver(statuses={"run-0": [500] * 10_000}))

    async def play() -> None:
        async with offering(Webhook(hook.url, 5), retry_for=0.3) as (offered, deliveries):
            offered.tell(alert())
            await until(lambda: offered.waiting == 0, "given up")
            assert not deliveries

    asyncio.run(play())
    assert len(hook.asked) > FAILURES_MAX


def test_what_waits_for_a_dead_receiver_is_bounded(listen: Listen) -> None:
    """Of fifty notices ten are kept, the newest, and those it gets when it is back; tasks are no more than eight."""
    port = ports.free()

    async def play() -> None:
        async with offering(Webhook(f"http://127.0.0.1:{port}/hook", 5), owed_max=10) as (offered, deliveries):
            before = len(asyncio.all_tasks())
            for number in range(50):
                offered.tell(alert(number))
                await asyncio.sleep(0)
                assert len(asyncio.all_tasks()) - before <= 9
            assert offered.waiting == 10
            hook = listen(port=port)
            await until(lambda: len(deliveries) == 10, "delivered")
            assert {body["run"] for _, body in hook.taken} == {f"run-{number}" for number in range(40, 50)}

    asyncio.run(play())


def test_what_was_just_taken_is_not_told_again_before_that_is_recorded(listen: Listen) -> None:
    """An alert that grows while its delivery is on its way into the record is the same notice: it is not sent twice."""
    hook = listen()

    async def play() -> None:
        async with offering(Webhook(hook.url, 5)) as (offered, deliveries):
            offered.tell(alert(0))
            await until(lambda: deliveries, "delivered")
            offered.tell(replace(alert(0), version=2, ranks="0-511"))
            offered.owe([(replace(alert(0), version=3, ranks="0-1023"), []), (alert(1), [])])
            await until(lambda: len(deliveries) == 2, "the other one is delivered")

    asyncio.run(play())
    assert [body["run"] for _, body in hook.taken] == ["run-0", "run-1"]


def test_it_is_told_again_while_it_fires_and_not_when_it_is_over(listen: Listen) -> None:
    """With a repeat interval each repeat has a key of its own and says so; the resolved notice ends them."""
    hook = listen()

    async def play() -> None:
        async with offering(Webhook(hook.url, 5), Want(repeat=0.1)) as (offered, deliveries):
            first = alert()
            offered.tell(first)
            await until(lambda: len(deliveries) >= 3, "repeated")
            offered.tell(resolved(first))
            await until(lambda: deliveries[-1].state == "resolved", "over")
            await asyncio.sleep(0.3)  # three times the interval: that nothing follows is the point
            assert deliveries[-1].state == "resolved"
            assert not len(offered._owed)

    asyncio.run(play())
    keys = [key for key, _ in hook.taken]
    assert keys[0] == f"{0:016x}-1-firing"
    assert keys[-1] == f"{0:016x}-1-resolved"
    assert len(set(keys)) == len(keys)
    assert [body["title"].partition(":")[0] for _, body in hook.taken[1:-1]] == ["Still"] * (len(keys) - 2)


def test_a_worker_that_is_started_anew_sends_a_repeat_under_the_same_key() -> None:
    """What is due by the record of the last delivery has one key, whoever computes it and when."""
    fired = alert(fired_at=time.time_ns() // 1000 - 95 * SECOND)

    async def play() -> list[Any]:
        found = []
        for _ in range(2):
            async with offering(Webhook("http://127.0.0.1:9/hook", 5), Want(repeat=30.0)) as (offered, _):
                told = replace(fired, delivered_at={offered.digest: fired.fired_at + 61 * SECOND})
                offered.owe([(told, [])])
                found.append(offered._owed.of(fired.id)[0].repeat)
                assert offered.waiting == 1
                later = replace(told, delivered_at={offered.digest: fired.fired_at + 91 * SECOND})
                offered.owe([(later, [])])
                assert offered.waiting == 0
                found.append(offered._owed.of(fired.id)[0].repeat)
        return found

    assert asyncio.run(play()) == [3, 4, 3, 4]


def test_resolved_notices_can_be_left_out(listen: Listen) -> None:
    """With ``resolved: false`` the end of an alert is not told, and a firing notice that was still owed goes."""
    hook = listen(Receiver(statuses={"run-0": [500] * 10_000}))

    async def play() -> None:
        async with offering(Webhook(hook.url, 5), ends=False) as (offered, deliveries):
            first, second = alert(0), alert(1)
            for one in (first, second):
                offered.tell(one)
            await until(lambda: deliveries, "the other one is delivered")
            for one in (first, second):
                offered.tell(resolved(one))
            assert offered.waiting == 0

    asyncio.run(play())
    assert [body["state"] for _, body in hook.taken] == ["firing"]


def test_who_is_not_wanted_to_know_is_not_told(listen: Listen) -> None:
    """Where no route leads to a receiver, nothing is sent there."""
    hook = listen()

    async def play() -> None:
        async with offering(Webhook(hook.url, 5), None) as (offered, _), offering(Webhook(hook.url, 5)) as (told, got):
            offered.tell(alert(0))
            offered.owe([(alert(0), [])])
            told.tell(alert(1))
            await until(lambda: got, "the other one is told")

    asyncio.run(play())
    assert [body["run"] for _, body in hook.taken] == ["run-1"]
