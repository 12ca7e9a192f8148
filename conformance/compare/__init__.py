"""Two reports side by side: what got worse, what got better, what is not known any more."""

from conformance.compare import writing
from conformance.compare.comparison import Comparison, compare
from conformance.compare.reading import BadReport, Report, read

__all__ = ["BadReport", "Comparison", "Report", "compare", "read", "writing"]
