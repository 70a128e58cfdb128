"""A thread with an event loop that parts of the app share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from core.loop_thread import LoopThread
from tests.patience import LIMIT_S, until


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    made = LoopThread("shared", stop_s=LIMIT_S)
    yield made
    while made.loop is not None:
        made.stop(_nothing)


async def _nothing() -> None:
    pass


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "shared"]


def test_the_thread_runs_until_its_last_part_stops(thread: LoopThread) -> None:
    thread.start()
    thread.start()
    assert len(_threads()) == 1
    thread.stop(_nothing)
    ran = threading.Event()
    thread.call(ran.set)
    assert ran.wait(LIMIT_S)
    thread.stop(_nothing)
    until(lambda: not _threads())
    assert thread.loop is None


def test_a_thread_that_has_ended_starts_again(thread: LoopThread) -> None:
    thread.start()
    thread.stop(_nothing)
    thread.stop(_nothing)
    thread.start()
    ran = threading.Event()
    thread.call(ran.set)
    assert ran.wait(LIMIT_S)


def test_each_part_ends_its_own_work_in_the_thread(thread: LoopThread) -> None:
    ended: list[str] = []

    async def end() -> None:
        ended.append(threading.current_thread().name)

    thread.start()
    thread.start()
    thread.stop(end)
    assert ended == ["shared"]
    thread.stop(end)
    assert ended == ["shared", "shared"]


def test_a_call_from_the_thread_itself_runs_later_in_the_same_thread(thread: LoopThread) -> None:
    order: list[str] = []
    done = threading.Event()

    def first() -> None:
        thread.call(second)
        order.append("first")

    def second() -> None:
        order.append("second")
        done.set()

    thread.start()
    thread.call(first)
    assert done.wait(LIMIT_S)
    assert order == ["first", "second"]


def test_run_raises_the_error_of_its_coroutine(thread: LoopThread) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("no such address")

    with pytest.raises(RuntimeError):
        thread.run(_nothing(), LIMIT_S)
    thread.start()
    with pytest.raises(OSError, match="no such address"):
        thread.run(fail(), LIMIT_S)


def test_the_thread_ends_although_the_last_work_fails(thread: LoopThread) -> None:
    async def fail() -> None:
        raise OSError("no such address")

    thread.start()
    with pytest.raises(OSError, match="no such address"):
        thread.stop(fail)
    until(lambda: not _threads())
    assert thread.loop is None


def test_work_that_takes_too_long_is_cancelled() -> None:
    thread = LoopThread("shared", stop_s=0.05)
    tasks: list[int] = []

    async def hang() -> None:
        await asyncio.Event().wait()

    def has_no_task() -> bool:
        thread.call(lambda: tasks.append(len(asyncio.all_tasks())))
        return tasks[-1:] == [0]

    thread.start()
    thread.start()
    thread.stop(hang)
    until(has_no_task)
    tasks.clear()
    with pytest.raises(TimeoutError):
        thread.run(hang(), 0.05)
    until(has_no_task)
    thread.stop(_nothing)
    until(lambda: not _threads())


def test_the_thread_does_not_wait_for_itself(thread: LoopThread) -> None:
    refused: list[str] = []

    def wait_for_itself() -> None:
        with pytest.raises(RuntimeError) as error:
            thread.run(_nothing(), LIMIT_S)
        refused.append(str(error.value))
        with pytest.raises(RuntimeError) as error:
            thread.stop(_nothing)
        refused.append(str(error.value))

    thread.start()
    thread.call(wait_for_itself)
    until(lambda: refused == ["the thread would wait for itself"] * 2)
    assert thread.loop is not None
