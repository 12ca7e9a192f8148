"""Handing requests on: to aggregated servers and to nodes."""
