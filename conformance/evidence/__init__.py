"""Evidence of what a test did and saw: steps, attachments, figures, exhibits, and a snapshot on failure."""

from conformance.evidence.recorder import JSON, TEXT, YAML, attach, exhibit, figure, note, step
from conformance.evidence.redaction import REDACTOR

__all__ = ["JSON", "REDACTOR", "TEXT", "YAML", "attach", "exhibit", "figure", "note", "step"]
