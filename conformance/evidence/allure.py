"""Steps and attachments as Allure has them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

import allure_commons
from allure_commons.types import AttachmentType

from conformance.evidence.recorder import Attached, Event, Figured, Noted, StepEnded, StepStarted
from conformance.evidence.redaction import REDACTOR

_TYPES = {kind.mime_type: kind for kind in AttachmentType}


class AllureSteps:
    """Subscriber that passes events on to the Allure plugin; without ``--alluredir`` nobody listens there."""

    def receive(self, event: Event) -> None:
        """Pass one event on."""
        hook = allure_commons.plugin_manager.hook
        match event:
            case StepStarted():
                hook.start_step(uuid=event.id, title=event.title, params={})
            case StepEnded():
                error = event.error
                hook.stop_step(
                    uuid=event.id,
                    exc_type=type(error) if error else None,
                    exc_val=error,
                    exc_tb=error.__traceback__ if error else None,
                )
            case Attached():
                kind = _TYPES.get(event.type, event.type)
                hook.attach_data(body=event.body, name=event.name, attachment_type=kind, extension=None)
            case Figured():
                title = f"{event.name} = {event.value:g} {event.unit}"
                self._remark(title, event.at)
            case Noted():
                self._remark(f"note: {event.text}", event.at)

    def _remark(self, title: str, at: float) -> None:
        id = f"{at}-{title}"
        self.receive(StepStarted(id, title, at))
        self.receive(StepEnded(id, title, at, None))


class AllureRedaction:
    """Stands around the writing of Allure's results.

    Takes secrets out of them before: messages and traces come straight from pytest. A disk that is full costs
    results, not the run: what cannot be written at its end is told there.
    """

    @allure_commons.hookimpl(wrapper=True)
    def report_result(self, result: Any) -> Generator[None, None, None]:
        """A test's result."""
        _clean(result)
        with suppress(OSError):
            yield

    @allure_commons.hookimpl(wrapper=True)
    def report_container(self, container: Any) -> Generator[None, None, None]:
        """The fixtures around tests."""
        _clean(container)
        with suppress(OSError):
            yield

    @allure_commons.hookimpl(wrapper=True, optionalhook=True)
    def report_globals(self, globals_item: Any) -> Generator[None, None, None]:
        """Errors of the whole run."""
        _clean(globals_item)
        with suppress(OSError):
            yield

    @allure_commons.hookimpl(wrapper=True)
    def report_attached_data(self) -> Generator[None, None, None]:
        """An attachment; redacted where it was made."""
        with suppress(OSError):
            yield


def _clean(item: Any) -> None:
    """Redact every text of Allure's model classes, in place."""
    for name, value in list(vars(item).items()):
        if isinstance(value, str):
            setattr(item, name, REDACTOR.text(value))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                if isinstance(inner, str):
                    value[number] = REDACTOR.text(inner)
                elif hasattr(inner, "__dict__"):
                    _clean(inner)
        elif hasattr(value, "__dict__") and not isinstance(value, type):
            _clean(value)
