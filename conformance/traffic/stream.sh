# One end of a stream: sends a numbered line every 50 ms, notes each line that comes with the time of its arrival.
# Called in a folder of its own as: sh stream.sh TOKEN NETCAT…
# Only builtins between two lines: a fork takes longer than the silences that are to be measured, on a slow guest.
token=$1
shift

mkfifo never || exit 1
exec 9<>never
if (read -r -t 0.01 nothing <&9) 2>said; [ ! -s said ]; then
    pause() { read -r -t 0.05 nothing <&9; }     # a shell whose read takes fractions: busybox, bash
else
    pause() { sleep 0.05; }
fi

send() {
    number=0
    while [ ! -e stop ]; do
        echo "$token $number"
        number=$((number + 1))
        pause
    done
    echo "$token end $number"
    # The session stays open until both ends are done with it.
    read -r nothing <&9
}

receive() {
    while read -r line; do
        read -r now rest </proc/uptime
        echo "$now $line"
    done
    read -r now rest </proc/uptime
    echo "$now closed"
}

send | "$@" 2>errors | receive >received
