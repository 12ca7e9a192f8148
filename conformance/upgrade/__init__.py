"""Before and after an upgrade: a baseline that stays in the cluster, sessions that go on in it, what became of both."""
