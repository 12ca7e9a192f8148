# One end of a session that lasts through an upgrade: sends a numbered line ten times a second, and judges what comes.
# Called in a folder of its own as: sh session.sh TOKEN LEAST NETCAT…   (LEAST: hundredths of a second)
# It writes down only what is out of the ordinary, so that it can run for days, by its own clock (hundredths of a second
# since its boot), in the file `record`:
#   began AT                   the first line of a session came
#   silence FROM TO            nothing came in between, for LEAST or longer
#   disorder AT EXPECTED GOT   a line is missing, came twice, or late
#   foreign AT                 a line that the other end did not send
#   closed AT                  the session ended; another is opened
# and in the files `last0` and `last1`, in turn: when the last line came, and how many came in all. One of the two is whole
# at any time. Only builtins between two lines.
token=$1 least=$2
shift 2

mkfifo never || exit 1
exec 9<>never
if (read -r -t 0.01 nothing <&9) 2>said; [ ! -s said ]; then
    pause() { read -r -t 0.1 nothing <&9; }     # a shell whose read takes fractions: busybox, bash
else
    pause() { sleep 0.1; }
fi

send() {
    number=0
    while :; do
        echo "$token $number" || exit
        number=$((number + 1))
        pause
    done
}

hold() {
    while :; do
        send 2>/dev/null | "$@" 2>errors
        echo closed
        sleep 1
    done
}

look_at_clock() {
    read -r up rest </proc/uptime
    now=${up%.*}${up#*.}
}

judge() {
    last= expected=0 count=0
    while read -r word number rest; do
        look_at_clock
        if [ "$word" = closed ]; then
            [ $expected = 0 ] || echo "closed $now" >>record
            expected=0
            continue
        fi
        [ -z "$last" ] || [ $((now - last)) -lt $least ] || echo "silence $last $now" >>record
        last=$now count=$((count + 1))
        if [ "$word" != "$token" ]; then
            echo "foreign $now" >>record
        elif [ "$number" = "$expected" ]; then
            [ "$number" != 0 ] || echo "began $now" >>record
            expected=$((number + 1))
        else
            echo "disorder $now $expected $number" >>record
            expected=$((number + 1))
        fi
        echo "$last $count" >last$((count % 2))
    done
}

# Linear, not doubled, where the guest lets us: what is measured is the network's silence, not TCP's patience after it.
echo 1 2>/dev/null >/proc/sys/net/ipv4/tcp_thin_linear_timeouts

: >record
hold "$@" | judge
