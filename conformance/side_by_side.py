"""Several calls at once, whose caller can be interrupted: an executor would hold Ctrl-C back until the slowest ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import AbstractContextManager, contextmanager
from functools import partial
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


@contextmanager
def entered_side_by_side(contexts: Sequence[AbstractContextManager[T]]) -> Iterator[list[T]]:
    """Enter all contexts side by side, and leave them side by side; where one cannot be entered, the others are left.

    Raises what the first that fails raises; an error of the block goes before errors of leaving.
    """
    held = side_by_side([partial(_try, context.__enter__) for context in contexts])
    entered = [context for context, entry in zip(contexts, held, strict=True) if entry.exception() is None]
    try:
        yield [entry.result() for entry in held]
    finally:
        leave = [partial(context.__exit__, None, None, None) for context in entered]
        left = side_by_side([partial(_try, call) for call in leave])
    for entry in left:
        entry.result()


def _try(call: Callable[[], T]) -> Future[T]:
    """The call's result, or what it raised, as a future that is done."""
    future: Future[T] = Future()
    _carry_out(call, future)
    return future


def _carry_out(call: Callable[[], T], future: Future[T]) -> None:
    try:
        result = call()
    except BaseException as error:  # whatever it is belongs to the caller
        future.set_exception(error)
    else:
        future.set_result(result)
