"""Irrevocable confinement of a sandbox process: seccomp, resource limits, end with the worker.

It runs before the first script. The process keeps its memory, its socket and its output. It loses
new files, sockets, programs and processes, privileges and core dumps, and it ends with the worker.
Linux only; elsewhere the limits of POSIX remain, and the process ends when its socket closes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1  # for every thread: a wrapper may have started some

_SECCOMP = {"x86_64": 317, "aarch64": 277}
"""The number of seccomp(2), which the C library does not offer."""

# Calls that memory, threads, signals and the open descriptors need, by architecture: its number
# for the filter, then those of the calls.
_ALLOWED: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9,
            "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
            "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28, "getpid": 39,
            "sendto": 44, "recvfrom": 45, "exit": 60, "getrusage": 98, "sigaltstack": 131, "gettid": 186,
            "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231,
            "tgkill": 234, "getrandom": 318, "membarrier": 324, "rseq": 334,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "close": 57, "lseek": 62, "read": 63, "write": 64, "ppoll": 73, "fstat": 80,
            "exit": 93, "exit_group": 94, "futex": 98, "clock_gettime": 113, "sched_yield": 124,
            "restart_syscall": 128, "tgkill": 131, "sigaltstack": 132, "rt_sigaction": 134,
            "rt_sigprocmask": 135, "rt_sigreturn": 139, "getrusage": 165, "getpid": 172, "gettid": 178,
            "sendto": 206, "recvfrom": 207, "brk": 214, "munmap": 215, "mremap": 216,
            "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278, "membarrier": 283,
            "rseq": 293,
        },
    ),
}  # fmt: skip


def drop_privileges(parent_pid: int, memory_bytes: int) -> None:
    """Drop every privilege that the sandbox does not need.

    Args:
        parent_pid: the worker's process; this one ends with it.
        memory_bytes: memory that may still be allocated.
    """
    libc = ctypes.CDLL(None)
    _limit_resources(memory_bytes)
    if sys.platform == "linux":
        _die_with(libc, parent_pid)
        _filter_system_calls(libc)


def _limit_resources(memory_bytes: int) -> None:
    if sys.platform == "linux":  # macOS counts address space that nobody uses
        space = _address_space() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        resource.setrlimit(what, (0, 0))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _die_with(libc: ctypes.CDLL, parent_pid: int) -> None:
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we said so
        sys.exit(0)


def _filter_system_calls(libc: ctypes.CDLL) -> None:
    """Let the kernel refuse every system call but those listed; a refused one fails with EPERM."""
    if platform.machine() not in _ALLOWED:
        return
    architecture, calls = _ALLOWED[platform.machine()]
    program = _filter(architecture, sorted(calls.values()))
    buffer = ctypes.create_string_buffer(program, len(program))
    instructions = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    libc.syscall(
        ctypes.c_long(_SECCOMP[platform.machine()]),
        ctypes.c_ulong(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_ulong(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.create_string_buffer(instructions),
    )


def _filter(architecture: int, allowed: list[int]) -> bytes:
    """Return a program for the kernel's packet filter, which reads a `struct seccomp_data`."""
    load, equal, answer = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    allow, kill, refuse = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
    steps = [
        (load, 0, 0, 4),  # the architecture
        (equal, 1, 0, architecture),
        (answer, 0, 0, kill),
        (load, 0, 0, 0),  # the number of the call
    ]
    for left, number in zip(range(len(allowed), 0, -1), allowed, strict=True):
        steps.append((equal, left, 0, number))  # to the last step
    steps += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    """Call prctl(2); where a container forbids it, the other bounds stand alone."""
    libc.prctl(option, *(ctypes.c_ulong(one) for one in (value, 0, 0, 0)))
