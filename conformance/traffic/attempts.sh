# Attempts of one client, side by side. Called in a folder of its own as: sh attempts.sh SECONDS ANEW
# The file `wanted` has a line for each: NUMBER KIND GREETING PROGRAM…   (KIND: icmp, tcp, udp)
# Each goes on until it is answered, or until SECONDS after the last of them has begun: an emulated guest takes its time
# to begin. Prints `cell=NUMBER` and what came, for each.
# A session that is not answered is begun anew after ANEW seconds, from another port: one that began while a path was
# being opened can hang for good. A server that listens again between a client's SYNs answers the next with another
# sequence number, and what tracks connections on the way (OVS in user space does) takes that for invalid.

attempt() {
    number=$1 kind=$2 greeting=$3
    shift 3
    if [ $kind = icmp ]; then
        : >begun.$number
        until "$@" >said.$number 2>&1; do :; done
        mv said.$number out.$number
        return
    fi
    # The input stays open: a netcat ends with it.
    exec 9<>in.$number
    # A datagram may be lost, or come while the server is busy with another client.
    [ $kind = tcp ] || while sleep 2; do echo $greeting >&9; done &
    : >begun.$number
    while :; do
        echo $greeting >&9
        "$@" <in.$number >>out.$number 2>err.$number &
        [ $kind = udp ] || echo $! >session.$number
        wait $!
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

rm -f begun.* in.* out.* err.* said.* session.*
waiting= fifos=
while read -r number rest; do
    fifos="$fifos in.$number"
done <wanted
mkfifo $fifos   # all in one process
while read -r number rest; do
    setsid sh attempts.sh one $number $rest </dev/null >/dev/null 2>&1 &
    eval "group_$number=$!"
    waiting="$waiting $number"
done <wanted
all=$waiting
end= anew=
while [ -n "$waiting" ]; do
    sleep 0.1
    look_at_clock
    still= begun=yes
    for number in $waiting; do
        [ -e begun.$number ] || begun=
        if [ -s out.$number ]; then
            eval "kill -- -\$group_$number" 2>/dev/null
        else
            still="$still $number"
        fi
    done
    waiting=$still
    [ -n "$end" ] || [ -z "$begun" ] || end=$((now + $1 * 100)) anew=$((now + $2 * 100))
    if [ -n "$anew" ] && [ $now -ge $anew ]; then
        anew=$((now + $2 * 100))
        for number in $waiting; do
            [ ! -e session.$number ] || { read -r program <session.$number && kill $program; } 2>/dev/null
        done
    fi
    [ -z "$end" ] || [ $now -lt $end ] || break
done
for number in $waiting; do
    eval "kill -- -\$group_$number" 2>/dev/null
done
for number in $all; do
    echo "cell=$number"
    cat out.$number said.$number err.$number 2>/dev/null
done
