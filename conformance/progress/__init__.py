"""What a run is at, while it is at it: a live line on a terminal, sparse plain lines elsewhere."""

from conformance.progress.reporter import Progress
from conformance.progress.telling import ADDRESS, Telling

__all__ = ["ADDRESS", "Progress", "Telling"]
