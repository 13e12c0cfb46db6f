"""Transactions begin at the edges, one module reads the clock, and jobs have workers."""

import ast
import importlib

import pytest

from campaigns.config import Settings
from campaigns.jobs.queues import JOBS, LANES
from campaigns.supervisor.workers import worker_lanes
from tests.architecture.source import ROOT, calls, dotted, imports, modules, starts_in

EDGES = ("web/", "public/", "jobs/", "intake/", "engine/", "cli/", "db.py", "migrate.py")
OWN_FILES = ("mailbox/", "delivery/journal.py", "supervisor/")
"""They keep SQLite files or sockets of their own, which are no part of the database."""


def test_transactions_begin_at_the_edges_only() -> None:
    strays = [
        f"{module}:{line}"
        for module, line, name in calls()
        if name.rpartition(".")[2] == "transaction" and not starts_in(module, EDGES)
    ]
    assert strays == []


def test_only_transaction_commits() -> None:
    strays = [
        f"{module}:{line} {name}"
        for module, line, name in calls()
        if name.endswith(".commit") and not starts_in(module, ("db.py", "migrate.py", *OWN_FILES))
    ]
    assert strays == []


def test_one_module_writes_csv() -> None:
    strays = [
        f"{module}:{line}"
        for module, line, name in calls()
        if name.endswith(("csv.writer", "csv.DictWriter")) and module != "csv_writing.py"
    ]
    assert strays == []


ANSWERS = {
    "intake/storing.py": ["store"],
    "jobs/imports.py": ["work"],
    "jobs/ingest.py": ["_record"],
    "public/subscribe.py": ["confirm"],
    "public/unsubscribe.py": ["_leave", "_come_back"],
    "public/webhooks.py": ["receive"],
}
"""After their transaction, someone else deletes what it stored, or relies on it."""


def test_what_someone_else_relies_on_is_durable_before_they_learn_of_it() -> None:
    fleeting = [
        f"{module}:{name}"
        for module, names in ANSWERS.items()
        for name in names
        if not any(
            isinstance(node, ast.Call)
            and dotted(node.func) == "transaction"
            and [one.arg for one in node.keywords] == ["durable"]
            for function in ast.walk(modules()[module])
            if isinstance(function, ast.FunctionDef) and function.name == name
            for node in ast.walk(function)
        )
    ]
    assert fleeting == []


READS_THE_CLOCK = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time")


def test_only_the_clock_module_reads_the_clock() -> None:
    strays = [
        f"{module}:{line} {name}"
        for module, line, name in calls()
        if name.endswith(READS_THE_CLOCK) and module != "clock.py"
    ]
    assert strays == []


DOMAIN = (
    "accounts/", "audience/", "content/", "providers/", "throttling/", "campaign/", "delivery/",
    "transactional/", "self_service/", "privacy/", "events/", "reports/",
)  # fmt: skip


def test_the_domain_gets_the_time_as_an_argument() -> None:
    strays = [
        f"{module}:{line}"
        for module, line, name in calls()
        if name.rpartition(".")[2] == "utcnow" and starts_in(module, DOMAIN)
    ]
    assert strays == []


@pytest.mark.parametrize("job", sorted(JOBS))
def test_every_job_names_a_function_and_a_lane(job: str) -> None:
    lane, function = JOBS[job]
    module, _, name = function.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
    assert lane in LANES


def test_every_lane_has_a_worker_in_the_procfile() -> None:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    programs = dict(line.split(": ", 1) for line in lines if line.strip())
    assert programs["worker"] == "campaigns worker", "without --lane it serves every lane"
    assert {
        lane for lanes in worker_lanes(Settings(_env_file=None)).values() for lane in lanes
    } == set(LANES)
    assert {"web", "worker", "clock"} <= set(programs)


HTTP_CLIENTS = (
    "http.client",
    "urllib.request",
    "requests",
    "httpx",
    "urllib3",
    "aiohttp",
    "pycurl",
)
REQUESTS_DIRECTLY = ("supervisor/up.py", "cli/benchmarks/")
"""Ask our own server, on this machine."""


def test_one_module_makes_http_requests() -> None:
    strays = [
        f"{module} {name}"
        for module, name in imports()
        if any(name == client or name.startswith(f"{client}.") for client in HTTP_CLIENTS)
        and not starts_in(module, ("providers/outgoing.py", *REQUESTS_DIRECTLY))
    ]
    assert strays == []


def test_one_module_compiles_users_expressions() -> None:
    strays = {module for module, name in imports() if name.partition(".")[0] == "re2"}
    assert strays == {"throttling/expressions.py"}
