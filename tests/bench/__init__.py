"""Times and sizes of the lab and the suites, measured as a user would meet them; judges nothing."""
