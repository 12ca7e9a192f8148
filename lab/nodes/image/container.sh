# Makes a container's root inside its own mount, PID and host name namespaces, then runs its command as init does.
#
# Arguments: mount point, image directory, directory with the pod's etc files, host name, working directory, command…
# One word on file descriptor 3 says `started` when the command is about to run, or `missing` when there is none such.
set -e
root=$1 image=$2 etc=$3 name=$4 directory=$5
shift 5

mount -t tmpfs -o mode=0755 tmpfs "$root"
cd "$root"
mkdir -p bin dev etc home lib old proc root run sys tmp usr var
chmod 1777 tmp
ln -s bin sbin
ln -s lib lib64
ln -s ../bin usr/bin
ln -s ../bin usr/sbin
for part in bin lib; do
    mount -o bind "$image/$part" "$part"
    mount -o remount,bind,ro "$part"
done
cp "$image"/etc/* "$etc"/* etc/
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mknod -m 0666 dev/null c 1 3
mknod -m 0666 dev/zero c 1 5
mknod -m 0666 dev/random c 1 8
mknod -m 0666 dev/urandom c 1 9
mknod -m 0666 dev/tty c 5 0
hostname "$name"
pivot_root . old
umount -l /old
rmdir /old
PATH=$CONTAINER_PATH
export PATH
unset CONTAINER_PATH UDN_LAB
mkdir -p "$directory"
cd "$directory"
if ! command -v -- "$1" >/dev/null; then
    echo missing >&3
    exit 128
fi
set +e

# The command is not the namespace's first process: that one would be deaf to a plain SIGTERM. A shell gives what it
# runs in the background /dev/null to read, so the input is kept at hand under another number.
exec 4<&0
"$@" <&4 4<&- 3>&- &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM
echo started >&3
exec 3>&-
while :; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || exit "$status"
done
