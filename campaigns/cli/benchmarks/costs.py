"""CPU time and memory of processes, from Linux; unknown elsewhere."""

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def are_known() -> bool:
    """Return whether this system shows what processes use."""
    return (_PROC / "self" / "stat").exists()


def family(pid: int) -> list[int]:
    """Return a process and all its current descendants."""
    parents = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and (facts := _facts(int(folder.name))):
            parents[int(folder.name)] = int(facts[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes and of their ended children, in seconds."""
    ticks = sum(sum(map(int, facts[11:15])) for pid in pids if (facts := _facts(pid)))
    return ticks / _TICKS


def parent(pid: int) -> int:
    """Return the id of a process's parent; 0 if the process has ended."""
    facts = _facts(pid)
    return int(facts[1]) if facts else 0


def name(pid: int) -> str:
    """Return the name of a process's program; empty if there is no such process."""
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def peak_mb(pids: Iterable[int]) -> float:
    """Return the peak memory of the largest of these processes, in MB."""
    return max((_peak_kb(pid) for pid in pids), default=0) / 1024


def _facts(pid: int) -> list[str]:
    """Return the fields of its `stat`, starting at the state; empty if it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _peak_kb(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
