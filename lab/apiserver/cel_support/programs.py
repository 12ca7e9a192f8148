"""Expressions, compiled once and run with Kubernetes' functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from lab.apiserver.cel_support import network, quantities

CACHED = 4096  # programs


class ExpressionError(Exception):
    """An expression that cannot be compiled, or that failed on these values."""


@cache
def load() -> tuple[ModuleType, dict[str, Callable[..., Any]]]:
    """The engine and all functions; late, because its package imports a whole command line, too."""
    import cel
    from cel.stdlib import STDLIB_FUNCTIONS

    return cel, {**STDLIB_FUNCTIONS, **quantities.FUNCTIONS, **network.FUNCTIONS}


@lru_cache(maxsize=CACHED)
def _program(expression: str) -> Any:
    return load()[0].compile(expression)


def compile_expression(expression: str) -> None:
    """Nothing, or ``ExpressionError`` if the expression is no CEL."""
    try:
        _program(expression)
    except ValueError as error:
        raise ExpressionError(str(error).splitlines()[0]) from error


def optional(value: Any) -> Any:
    """A CEL optional: of the value, or none for None."""
    kind = load()[0].OptionalValue
    return kind.none() if value is None else kind.of(value)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression; ``ExpressionError`` if it has none."""
    try:
        engine, functions = load()
        return _program(expression).execute(engine.Context(variables=dict(variables), functions=functions))
    except KeyError as error:
        raise ExpressionError(f"no such key: {error.args[0]}") from error
    except (ValueError, TypeError, RuntimeError, IndexError, ArithmeticError) as error:
        raise ExpressionError(str(error).splitlines()[0]) from error
