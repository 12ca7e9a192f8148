#!/bin/sh
# What udhcpc was told, for the test to read; the interface is set up as a guest would.
[ "$1" = bound ] || exit 0
env | grep -E '^(ip|subnet|router|dns|mtu|hostname|lease|serverid)=' > "$LEASE"
ip addr replace "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
ip route replace default via "$router"
