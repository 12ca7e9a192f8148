"""What a cluster lets the suites find out, told before anything is created in it."""

from conformance.doctor.diagnosis import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
