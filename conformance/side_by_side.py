"""Several calls at once, whose caller can be interrupted: an executor would hold Ctrl-C back until the slowest ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TypeVar

T = TypeVar("T")


def side_by_side(calls: Iterable[Callable[[], T]]) -> list[T]:
    """What the calls give, in their order; raises what the first that fails raises, as soon as it does.

    What is still going on then, or when it is interrupted, is left behind, in threads that do not keep the process
    from ending.
    """
    futures: list[Future[T]] = []
    for call in calls:
        future: Future[T] = Future()
        threading.Thread(target=_carry_out, args=(call, future), daemon=True).start()
        futures.append(future)
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()
    return [future.result() for future in futures]


def _carry_out(call: Callable[[], T], future: Future[T]) -> None:
    try:
        result = call()
    except BaseException as error:  # whatever it is belongs to the caller
        future.set_exception(error)
    else:
        future.set_result(result)
