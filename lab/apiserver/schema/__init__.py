"""Schemas of kinds: where they come from, and what they ask of objects."""
