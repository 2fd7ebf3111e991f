"""A wire that takes its time: what comes in on one interface goes out on the other after the
delay, in both directions. Arguments: two TAP interfaces, and the delay in milliseconds. It prints
"ready" once it holds both; for each line of input it prints in JSON how many frames it carried and
how many it lost to its bounds; it ends with its input."""

import collections
import fcntl
import json
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
# Frames on their way in one direction; more are lost.
MOST = 65536
# Frames taken from one side before the other has its turn.
TURN = 128
FRAME = 65536


def attach(name):
    wire = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(wire, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return wire


def main():
    ends = [attach(name) for name in sys.argv[1:3]]
    delay = float(sys.argv[3]) / 1000
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    under_way = {end: collections.deque() for end in ends}
    frames = lost = 0
    poll = select.epoll()
    for end in ends:
        poll.register(end, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        dues = [queue[0][0] for queue in under_way.values() if queue]
        patience = max(0.0, min(dues) - time.monotonic()) if dues else -1
        for source, _ in poll.poll(patience):
            if source == 0:
                if not os.read(0, 4096):
                    return
                print(json.dumps({"frames": frames, "lost": lost}), flush=True)
                continue
            queue = under_way[other[source]]
            due = time.monotonic() + delay
            for _ in range(TURN):
                try:
                    frame = os.read(source, FRAME)
                except OSError:
                    break
                if len(queue) < MOST:
                    queue.append((due, frame))
                else:
                    lost += 1
        now = time.monotonic()
        for end, queue in under_way.items():
            while queue and queue[0][0] <= now:
                try:
                    os.write(end, queue.popleft()[1])
                    frames += 1
                except OSError:
                    # The interface is down, or its kernel has no room.
                    lost += 1


main()
