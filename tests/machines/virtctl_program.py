"""Goes to a serial line as ``virtctl console`` does: its banner, its escape byte, its words when it is cut."""

import os
import socket
import sys
import threading

BANNER = "Successfully connected to guest console. Press Ctrl+] or Ctrl+5 to exit console.\n"
CUT = (
    "\nYou were disconnected from the console. This could be caused by one of the following:"
    "\n - the target VM was powered off\n - another user connected to the console of the target VM\n - network issues\n"
    "websocket: close 1006 (abnormal closure): unexpected EOF\n"
)


def receive(line: socket.socket) -> None:
    while True:
        try:
            data = line.recv(4096)
        except OSError:
            data = b""
        if not data:
            sys.stderr.write(CUT)
            sys.stderr.flush()
            os._exit(1)
        os.write(1, data)


def main() -> None:
    if os.environ.get("SERIAL_STATUS"):
        sys.exit("Error from server: " + os.environ["SERIAL_STATUS"])
    line = socket.socket(socket.AF_UNIX)
    line.connect(os.environ["SERIAL_SOCKET"])
    if line.recv(1) != b"+":
        sys.exit("Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io: VMI is not running")
    sys.stderr.write(BANNER)
    sys.stderr.flush()
    threading.Thread(target=receive, args=(line,), daemon=True).start()
    while True:
        data = os.read(0, 1024)
        if not data or data[0] == 0x1D:
            os._exit(0)
        line.sendall(data)


main()
