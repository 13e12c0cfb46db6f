"""A worker process and the servers it needs."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_worker_without_redis_waits_for_it_and_says_so_once(tmp_path: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-P", "-m", "campaigns.cli"]
    subprocess.run([*command, "migrate"], env=environment, check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "worker", "--lane", "send"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.readline()
    try:
        said += process.communicate(timeout=3)[0]
    except subprocess.TimeoutExpired:
        process.terminate()  # it waits: it is well
        said += process.communicate(timeout=10)[0]
    assert said.count("Redis cannot be reached; the worker waits for it") == 1
    assert "Traceback" not in said
