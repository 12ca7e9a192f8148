# Attempts of one client, side by side. Called in a folder of its own as: sh attempts.sh SECONDS
# The file `wanted` has a line for each: NUMBER KIND GREETING PROGRAM…   (KIND: icmp, tcp, udp)
# Each is over with its first answer; all are, when the time is. Prints `cell=NUMBER` and what came, for each.

attempt() {
    number=$1 kind=$2 greeting=$3
    shift 3
    if [ $kind = icmp ]; then
        "$@" >said.$number 2>&1
        mv said.$number out.$number
        return
    fi
    # The input stays open: a netcat ends with it.
    mkfifo in.$number
    exec 9<>in.$number
    # A datagram may be lost, or come while the server is busy with another client.
    [ $kind = tcp ] || while sleep 2; do echo $greeting >&9; done &
    while :; do
        echo $greeting >&9
        "$@" <in.$number >>out.$number 2>err.$number
        sleep 0.2
    done
}

look_at_clock() {   # the guest's own, without a process
    read -r now rest </proc/uptime
    now=${now%.*}${now#*.}
}

if [ "$1" = one ]; then
    shift
    attempt "$@"
    exit
fi

rm -f in.* out.* err.* said.*
look_at_clock
end=$((now + $1 * 100))
waiting=
while read -r number rest; do
    setsid sh attempts.sh one $number $rest </dev/null >/dev/null 2>&1 &
    eval "group_$number=$!"
    waiting="$waiting $number"
done <wanted
all=$waiting
while [ -n "$waiting" ] && [ $now -lt $end ]; do
    sleep 0.1
    still=
    for number in $waiting; do
        if [ -s out.$number ]; then
            eval "kill -- -\$group_$number" 2>/dev/null
        else
            still="$still $number"
        fi
    done
    waiting=$still
    look_at_clock
done
for number in $waiting; do
    eval "kill -- -\$group_$number" 2>/dev/null
done
for number in $all; do
    echo "cell=$number"
    cat out.$number said.$number err.$number 2>/dev/null
done
