"""Expressions, compiled once and run with Kubernetes' functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import cel
from cel.stdlib import STDLIB_FUNCTIONS

from lab.apiserver.cel_support import network, quantities

CACHED = 4096  # programs
_FUNCTIONS: dict[str, Callable[..., Any]] = {**STDLIB_FUNCTIONS, **quantities.FUNCTIONS, **network.FUNCTIONS}


class ExpressionError(Exception):
    """An expression that cannot be compiled, or that failed on these values."""


@lru_cache(maxsize=CACHED)
def _program(expression: str) -> Any:
    return cel.compile(expression)


def compile_expression(expression: str) -> None:
    """Nothing, or ``ExpressionError`` if the expression is no CEL."""
    try:
        _program(expression)
    except ValueError as error:
        raise ExpressionError(str(error).splitlines()[0]) from error


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression; ``ExpressionError`` if it has none."""
    try:
        program = _program(expression)
        return program.execute(cel.Context(variables=dict(variables), functions=_FUNCTIONS))
    except KeyError as error:
        raise ExpressionError(f"no such key: {error.args[0]}") from error
    except (ValueError, TypeError, RuntimeError, IndexError, ArithmeticError) as error:
        raise ExpressionError(str(error).splitlines()[0]) from error
