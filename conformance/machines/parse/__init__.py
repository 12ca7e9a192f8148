"""What guests print, read: pure functions that understand busybox and iproute2/iputils alike."""
