"""report.html: its parts, and what of a report stands where."""
