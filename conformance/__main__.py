"""The command ``udn-conformance``, also as ``python -m conformance``: an interruption ends it while it loads, too."""

import signal
import sys

INTERRUPTED = 2


def main() -> None:
    """Load and run the command."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from conformance import cli  # late: an interruption of its loading is caught here

        cli.main()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # another would end the ended process with another status
        print("udn-conformance: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
