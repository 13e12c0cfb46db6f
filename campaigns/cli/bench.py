"""`campaigns bench`: measure how fast this machine sends, and what each part costs.

It does not touch the user's installation, and nothing leaves this machine.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from campaigns.cli.benchmarks.environment import Environment

Figures = dict[str, object]
Measure = Callable[["Options"], Figures]

SHORT_RECIPIENTS = 10_000
SEND_RECIPIENTS = 20_000
RELAY_RECIPIENTS = 4_000
PROBE_RECIPIENTS = 100_000
EXPAND_RECIPIENTS = 1_000_000
IMPORT_ROWS = 100_000
SEGMENT_SUBSCRIBERS, SEGMENT_DELIVERIES = 1_000_000, 10_000_000
WIRE_MESSAGES, WIRE_CONNECTIONS = 50_000, 8
RELAY_MS = 10
RUNS = 3


@dataclass
class Options:
    """The command-line options; None means the default."""

    recipients: int | None
    database_url: str
    with_postgresql: bool
    workers: int
    runs: int | None
    relay_ms: int | None
    probe: bool
    subscribers: int | None
    deliveries: int | None
    say: Callable[[str], None]
    stack: ExitStack
    _place: "Environment | None" = None

    def people(self, usual: int) -> int:
        """Return the number of recipients; `usual` is the default."""
        return self.recipients or usual

    def place(self) -> "Environment":
        """Return the environment, set up on first use and shared by all benchmarks."""
        from campaigns.cli.benchmarks import environment

        if self._place is None:
            self._place = self.stack.enter_context(
                environment.prepared(self.database_url, with_postgresql=self.with_postgresql)
            )
        return self._place


@click.command("bench")
@click.argument(
    "what",
    default="",
    metavar="[send|expand|segments|import|render|wire|dkim|all]",
    type=click.Choice(
        ["", "send", "expand", "segments", "import", "render", "wire", "dkim", "all"]
    ),
)
@click.option("--recipients", type=click.IntRange(100, 10_000_000), metavar="N",
              help="Number of recipients (default: what each benchmark needs).")  # fmt: skip
@click.option(
    "--database-url", default="", help="An EMPTY PostgreSQL database to use instead of SQLite."
)
@click.option("--postgresql", "with_postgresql", is_flag=True,
              help="Start a PostgreSQL server with the programs installed here.")  # fmt: skip
@click.option("--workers", default=0, type=click.IntRange(0, 16), metavar="N",
              help="send: number of processes (default: as `campaigns up` starts).")  # fmt: skip
@click.option("--runs", type=click.IntRange(1, 100), metavar="N",
              help="Report the median of N runs (default: 3, or 1 for `expand`).")  # fmt: skip
@click.option("--relay-ms", type=click.IntRange(1, 10_000), metavar="N",
              help="send: delay the connection by N ms each way.")  # fmt: skip
@click.option("--probe", is_flag=True,
              help="send: also measure confirmation emails and pages.")  # fmt: skip
@click.option("--subscribers", type=click.IntRange(1_000, 10_000_000), metavar="N",
              help="segments: number of subscribers (default: 1,000,000).")  # fmt: skip
@click.option("--deliveries", type=click.IntRange(1_000, 100_000_000), metavar="N",
              help="segments: number of deliveries (default: 10,000,000).")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def bench_command(
    what: str,
    recipients: int | None,
    database_url: str,
    with_postgresql: bool,
    workers: int,
    runs: int | None,
    relay_ms: int | None,
    probe: bool,
    subscribers: int | None,
    deliveries: int | None,
    as_json: bool,
) -> None:
    """Measure how fast this machine sends, and what each part costs.

    \b
    send      send a campaign, from launch to the last reply
    expand    expand an audience into deliveries
    segments  count and freeze segments of a large list (slow, so not part of all)
    import    import a CSV file into a list
    render    render one personalized message
    wire      send a constant message over SMTP
    dkim      sign one message
    all       everything except segments
    (none)    a short send, then render

    Messages go to Postfix's smtp-sink if it is installed, with smtp-source as the reference;
    otherwise to the built-in mailbox.
    """
    if database_url and with_postgresql:
        raise click.UsageError("Use either --postgresql or --database-url, not both.")
    if (relay_ms or probe) and what != "send":
        raise click.UsageError("--relay-ms and --probe work with `campaigns bench send` only.")
    if (subscribers or deliveries) and what != "segments":
        raise click.UsageError(
            "--subscribers and --deliveries work with `campaigns bench segments` only."
        )
    console = Console(stderr=as_json, soft_wrap=True)
    figures: Figures = {}
    with ExitStack() as stack:
        options = Options(
            recipients, database_url, with_postgresql, workers, runs, relay_ms, probe,
            subscribers, deliveries, console.print, stack,
        )  # fmt: skip
        for title, measure in _measurements(what, options):
            console.print(f"[bold]{title}[/bold]")
            found = measure(options)
            console.print(_table(found))
            # The first figure is the benchmark's result; further ones have their own names.
            figures |= {title: found} if figures else found
    if as_json:
        click.echo(json.dumps(figures))


def _measurements(what: str, options: Options) -> Sequence[tuple[str, Measure]]:
    if what == "":
        return [("send", _short_send), ("render", _render)]
    if what == "all":
        return [("send", _send), ("relay", _relay), ("probe", _probe), ("expand", _expand),
                ("import", _import), ("render", _render), ("wire", _wire),
                ("dkim", _dkim)]  # fmt: skip
    if what == "send" and (options.relay_ms or options.probe):
        return [("relay", _relay)] * bool(options.relay_ms) + [("probe", _probe)] * options.probe
    alone = {"send": _send, "expand": _expand, "segments": _segments, "import": _import,
             "render": _render, "wire": _wire, "dkim": _dkim}  # fmt: skip
    return [(what, alone[what])]


def _table(figures: Figures) -> Table:
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), _shown(value))
    return table


def _shown(value: object) -> str:
    if value is None:
        return "not known here"
    if isinstance(value, list):
        return "  ".join(map(_shown, value))
    if isinstance(value, dict):
        return "\n".join(f"{_shown(found)}  {name}" for name, found in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)


# --- each benchmark imports what it needs when it runs ----------------------------------------


def _short_send(options: Options) -> Figures:
    return _sending(options, SHORT_RECIPIENTS)


def _send(options: Options) -> Figures:
    return _sending(options, SEND_RECIPIENTS)


def _sending(options: Options, usual: int) -> Figures:
    from campaigns.cli.benchmarks import sending

    return sending.measure(
        options.place(), options.say, recipients=options.people(usual), workers=options.workers,
        runs=options.runs or RUNS,
    )  # fmt: skip


def _relay(options: Options) -> Figures:
    from campaigns.cli.benchmarks import sending

    return sending.measure_over_a_long_line(
        options.place(), options.say, milliseconds=options.relay_ms or RELAY_MS,
        recipients=options.people(RELAY_RECIPIENTS), runs=options.runs or RUNS,
    )  # fmt: skip


def _probe(options: Options) -> Figures:
    from campaigns.cli.benchmarks import latency

    recipients = options.people(PROBE_RECIPIENTS)
    return latency.measure(options.place(), options.say, recipients=recipients)


def _expand(options: Options) -> Figures:
    from campaigns.cli.benchmarks import expanding

    recipients = options.people(EXPAND_RECIPIENTS)
    return expanding.measure(
        options.place(), options.say, recipients=recipients, runs=options.runs or 1
    )


def _segments(options: Options) -> Figures:
    from campaigns.cli.benchmarks import segments

    return segments.measure(
        options.place(), options.say,
        subscribers=options.subscribers or SEGMENT_SUBSCRIBERS,
        deliveries=options.deliveries or SEGMENT_DELIVERIES,
    )  # fmt: skip


def _import(options: Options) -> Figures:
    from campaigns.cli.benchmarks import importing

    rows = options.people(IMPORT_ROWS)
    runs = options.runs or RUNS
    return importing.measure(options.place(), options.say, rows=rows, runs_wanted=runs)


def _render(options: Options) -> Figures:
    from campaigns.cli.benchmarks import render

    return _rounded(render.measure(2.0))


def _wire(options: Options) -> Figures:
    from campaigns.cli.benchmarks import environment, throughput

    with environment.smtp_server() as (port, _):
        return _rounded(throughput.measure(port, options.people(WIRE_MESSAGES), WIRE_CONNECTIONS))


def _dkim(options: Options) -> Figures:
    from campaigns.cli.benchmarks import dkim

    return _rounded(dkim.measure())


def _rounded(figures: dict[str, float]) -> Figures:
    return {name: round(value, 2) for name, value in figures.items()}
