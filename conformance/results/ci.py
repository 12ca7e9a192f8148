"""What a CI system is told of a run, where its variables say that it is there: GitHub Actions and GitLab CI."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conformance.catalog.model import Catalog
from conformance.results import summary, workflow_commands
from conformance.results.requirements import Judged
from conformance.results.run import Run


def tell(environment: Mapping[str, str], catalog: Catalog, run: Run, judged: Sequence[Judged]) -> list[str]:
    """The lines to print; writes GitHub's step summary."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return list(_github(environment, catalog, run, judged))
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(catalog, run, judged)
    return []


def _github(environment: Mapping[str, str], catalog: Catalog, run: Run, judged: Sequence[Judged]) -> Iterator[str]:
    workspace = environment.get("GITHUB_WORKSPACE")
    yield from workflow_commands.lines(run, judged, Path(workspace) if workspace else None)
    if place := environment.get("GITHUB_STEP_SUMMARY"):
        try:
            # Steps share nothing, but a step may run this twice: GitHub's own file is appended to.
            with Path(place).open("a", encoding="utf-8") as page:
                page.write(summary.markdown(catalog, run, judged))
        except OSError as error:
            yield f"could not write the step summary {place}: {error.strerror}"


def _gitlab(catalog: Catalog, run: Run, judged: Sequence[Judged]) -> list[str]:
    """A section of the job's log that is folded (https://docs.gitlab.com/ci/jobs/job_logs/)."""
    now = int(time.time())
    begin = f"\x1b[0Ksection_start:{now}:udn_conformance[collapsed=true]\r\x1b[0KConformance summary, in Markdown"
    text = summary.markdown(catalog, run, judged).splitlines()
    return [begin, *text, f"\x1b[0Ksection_end:{now}:udn_conformance\r\x1b[0K"]
