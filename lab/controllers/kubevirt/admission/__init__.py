"""What KubeVirt's admission refuses and adds: rules as pure functions, served as webhooks."""
