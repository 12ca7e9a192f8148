"""Admission control: policies in CEL and webhooks."""
