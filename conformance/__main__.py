"""``python -m conformance`` is the command ``udn-conformance``."""

from conformance.cli import main

main()
