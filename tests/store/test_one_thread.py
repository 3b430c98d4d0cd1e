"""BLAS has one thread while anyone asks for it, and as many as before once the last has left."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
from threadpoolctl import threadpool_info

from mvc.store.one_thread import one_thread


def threads() -> set[int]:
    np.linalg.inv(np.eye(2))
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_what_was_set_before_comes_back_with_the_last_who_leaves() -> None:
    first_is_inside, second_is_inside, first_left = (threading.Event() for _ in range(3))
    seen = []

    def first() -> None:
        with one_thread():
            first_is_inside.set()
            second_is_inside.wait(20)
        first_left.set()

    before = threads()
    other = threading.Thread(target=first)
    other.start()
    first_is_inside.wait(20)
    with one_thread():
        second_is_inside.set()
        first_left.wait(20)
        seen.append(threads())
    other.join()
    assert seen == [{1}]
    assert threads() == before


def test_an_error_inside_leaves_no_trace() -> None:
    before = threads()
    with contextlib.suppress(KeyError), one_thread():
        raise KeyError
    assert threads() == before
