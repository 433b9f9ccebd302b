"""Threads that an event loop hands work to."""

import asyncio
import gc
import threading
import time
import weakref
from functools import partial

import pytest

from tests.service.conftest import awaited
from vitrine.service.pool import Pool


def run(use, n=2, begin=lambda: None):
    async def all_of_it():
        with Pool(n, "test", begin) as pool:
            return await use(pool)

    return awaited(all_of_it())


def test_work_is_done_in_threads_that_were_prepared():
    ready = []

    async def use(pool):
        return await asyncio.gather(
            *(pool.run(lambda i=i: (i, threading.current_thread().name)) for i in range(9))
        )

    done = run(use, begin=lambda: ready.append(threading.current_thread().name))
    assert [i for i, _ in done] == list(range(9))
    assert {name for _, name in done} <= {"test-0", "test-1"}
    assert sorted(ready) == ["test-0", "test-1"]


def test_one_after_the_other_is_done_by_the_same_thread():
    async def use(pool):
        return {await pool.run(threading.get_ident) for _ in range(20)}

    assert len(run(use, n=4)) == 1


def test_so_many_at_once_and_no_more():
    now, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    async def use(pool):
        await asyncio.gather(*(pool.run(work) for _ in range(12)))

    run(use, n=3)
    assert (now, most) == (0, 3)


def test_errors_reach_whoever_waits_and_nobody_else():
    def bad():
        raise KeyError("gone")

    async def use(pool):
        with pytest.raises(KeyError, match="gone"):
            await pool.run(bad)
        return await asyncio.gather(*(pool.run(lambda: 1) for _ in range(4)))

    assert run(use, n=1) == [1, 1, 1, 1]


def test_a_stop_iteration_is_an_error_as_any_other():
    async def use(pool):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await pool.run(lambda: next(iter(())))
        return await pool.run(lambda: 1)

    assert run(use, n=1) == 1


def test_an_error_does_not_keep_what_the_work_was_given():
    class Photo:
        pass

    def fail(photo):
        raise ValueError("no picture")

    async def use(pool):
        photo = Photo()
        kept = weakref.ref(photo)
        with pytest.raises(ValueError, match="no picture"):
            await pool.run(partial(fail, photo))
        del photo
        await pool.run(lambda: None)  # its thread has let go of the work before
        return kept()

    gc.disable()
    try:
        assert run(use, n=1) is None
    finally:
        gc.enable()


def test_what_nobody_waits_for_any_more_is_not_begun():
    begun, go_on = [], threading.Event()

    async def use(pool):
        first = asyncio.create_task(pool.run(go_on.wait))
        given_up = asyncio.create_task(pool.run(lambda: begun.append("given up")))
        last = asyncio.create_task(pool.run(lambda: begun.append("last")))
        await asyncio.sleep(0.05)
        given_up.cancel()
        first.cancel()  # this one is under way: its thread goes on, and is free afterwards
        await asyncio.sleep(0.05)
        go_on.set()
        await last

    run(use, n=1)
    assert begun == ["last"]


def test_what_has_begun_is_finished_at_the_end():
    finished = []

    async def use(pool):
        waiting = asyncio.create_task(pool.run(lambda: time.sleep(0.1) or finished.append(1)))
        await asyncio.sleep(0.03)
        waiting.cancel()

    run(use)
    assert finished == [1]


def test_what_has_not_begun_at_the_end_is_given_up():
    go_on = threading.Event()

    async def all_of_it():
        with Pool(1, "test", lambda: None) as pool:
            first, second = (asyncio.create_task(pool.run(go_on.wait)) for _ in range(2))
            await asyncio.sleep(0.02)
            go_on.set()
        assert await first
        with pytest.raises(asyncio.CancelledError):
            await second
        with pytest.raises(RuntimeError, match="ended"):
            await pool.run(go_on.wait)

    awaited(all_of_it())
