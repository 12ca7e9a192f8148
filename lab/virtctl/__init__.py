"""A stand-in for ``virtctl``, used only where the real one is not installed.

Run as ``python -m lab.virtctl`` or ``lab-virtctl``. Speaks the same API, prints the same lines and ends with the same
exit status for what it can do: console, start, stop, restart, migrate, pause, unpause, version. Stands alone: nothing
of the lab is imported.
"""
