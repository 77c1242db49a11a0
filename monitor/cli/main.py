"""The command line: reads the arguments, runs one command, gives its exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from math import isfinite
from pathlib import Path

from monitor import __version__
from monitor.cli.options import EVERY, Options, TraceOptions
from monitor.common.config_places import PATH_VARIABLE, PLACES, TEXT_VARIABLE
from monitor.model.settings import ConfigError
from monitor.present.formats import FirewallFormat, Format

NAT_PRICE = 0.045
EXIT_CONFIG = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_PIPE = 141  # 128 + SIGPIPE

_COMMANDS: Mapping[str, str] = {
    "demo": "show what it does: a small internet on this machine, with a fault each minute",
    "run": "probe on a schedule and export what is measured",
    "check": "probe everything once; exit 0: all required reached, 1: not all, 2: wrong config",
    "endpoints": "list the endpoints that are probed, disabled ones, and the samples of wildcards",
    "validate": "say whether the configuration can be used; sends nothing",
    "trace": "trace the hops to HOST on the port that fails; exit 0: it replies, 1: it does not",
    "healthcheck": "ask the monitor that runs on this machine whether it is well; exit 0 or 1",
}
_REPORTING = ("check", "endpoints", "validate")
_REQUESTING = ("check", "endpoints")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Raises:
        SystemExit: for ``--help``, ``--version`` and arguments that make no sense.
    """
    arguments = _parser().parse_args(argv)
    try:
        options = _options(arguments, os.environ)
        status = _run(arguments.command, options)
        sys.stdout.flush()
    except ConfigError as error:
        _tell(error, Format(getattr(arguments, "format", Format.TEXT)))
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer has no reader: keep the interpreter from flushing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    return status


def _run(command: str, options: Options) -> int:
    status: int = import_module(f"monitor.cli.{command}").main(options)
    return status


def _tell(error: ConfigError, form: Format) -> None:
    if form is Format.JSON:
        from monitor.present.report import encode, error_document  # noqa: PLC0415 - for this case only

        print(encode(error_document(error.problems)))
    else:
        print(error, file=sys.stderr)


def _options(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Options:
    request = getattr(arguments, "firewall_request", None)
    from monitor.config.source import find_source  # noqa: PLC0415 - slow: not for --help

    source = find_source(getattr(arguments, "config", None), environ)
    if source.passed_over:
        print(f"{source.passed_over}; not used, configuration: {source.name}", file=sys.stderr)
    return Options(
        config=source,
        environ=environ,
        format=Format(getattr(arguments, "format", Format.TEXT)),
        only=tuple(getattr(arguments, "only", ())),
        port=getattr(arguments, "port", None),
        firewall=FirewallFormat(request) if request else None,
        watch=getattr(arguments, "watch", False),
        every=getattr(arguments, "every", EVERY),
        cost=getattr(arguments, "cost", None),
        trace=_trace_options(arguments) if arguments.command == "trace" else None,
    )


def _trace_options(arguments: argparse.Namespace) -> TraceOptions:
    host, port = arguments.destination
    return TraceOptions(
        host=host,
        port=port or (4242 if arguments.udp else 443),
        udp=arguments.udp,
        proxy=arguments.proxy,
        flows=arguments.flows,
        live=arguments.live,
        max_hops=arguments.max_hops,
        timeout=arguments.timeout,
        aws_ranges=Path(arguments.aws_ranges) if arguments.aws_ranges else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="egress-monitor",
        description="Says which egress of an Ona runner's subnet broke, where, and why.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in _COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose}.")
        _add_options(command, name)
    return parser


def _add_options(command: argparse.ArgumentParser, name: str) -> None:
    if name == "demo":
        command.add_argument("--port", type=_port, help="the page's port (default: 9242)")
        command.add_argument(
            "--every",
            type=_seconds,
            default=EVERY,
            metavar="SECONDS",
            help=f"from one fault to the next (default: {EVERY:g})",
        )
        return
    places = f"${PATH_VARIABLE}, text in ${TEXT_VARIABLE}, {', '.join(map(str, PLACES))}, defaults"
    command.add_argument("--config", metavar="PATH", help=f"configuration file (default: {places})")
    if name in _REPORTING:
        forms = list(Format) if name == "check" else [Format.TEXT, Format.JSON]
        how = command.add_mutually_exclusive_group()
        how.add_argument(
            "--format",
            choices=[f.value for f in forms],
            default=Format.TEXT.value,
            help="how the report is written (default: text)",
        )
        command.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="ID-OR-GROUP",
            help="only this target or group; may be given more than once",
        )
    if name in _REQUESTING:
        how.add_argument(
            "--firewall-request",
            nargs="?",
            choices=[form.value for form in FirewallFormat],
            const=FirewallFormat.TEXT.value,
            metavar="FORM",
            help="print what to ask the firewall team for; FORM: "
            + ", ".join(form.value for form in FirewallFormat),
        )
    if name == "endpoints":
        how_much = (
            f"print connections, bytes and NAT gateway cost; USD per GB (default: {NAT_PRICE:g})"
        )
        command.add_argument(
            "--cost", nargs="?", type=_price, const=NAT_PRICE, metavar="USD", help=how_much
        )
    if name == "check":
        how.add_argument("--watch", action="store_true", help="keep a live view on the terminal")
    if name == "trace":
        _add_trace_options(command)
    if name == "healthcheck":
        command.add_argument("--port", type=_port, help="port (default: the configuration's)")


def _add_trace_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "destination",
        type=_destination,
        metavar="HOST[:PORT]",
        help="host name or IP address ([IPv6]:PORT); port 443 unless given, 4242 with --udp",
    )
    command.add_argument("--udp", action="store_true", help="send UDP (Nebula) instead of TCP")
    command.add_argument("--proxy", action="store_true", help="trace to the configured proxy")
    command.add_argument(
        "--flows",
        type=_flows,
        default=0,
        metavar="N",
        help="also try N source ports twice: one bad path of several, or packet loss",
    )
    command.add_argument("--live", action="store_true", help="repeat and redraw until Ctrl-C")
    command.add_argument("--max-hops", type=_hops, default=30, metavar="N", help="default: 30")
    command.add_argument(
        "--timeout", type=_seconds, default=1.0, metavar="SECONDS", help="per probe (default: 1)"
    )
    command.add_argument("--aws-ranges", metavar="FILE", help="AWS's ip-ranges.json, for labels")
    command.add_argument(
        "--json", dest="format", action="store_const", const="json", default="text"
    )


def _destination(text: str) -> tuple[str, int]:
    """Split ``HOST[:PORT]``; an IPv6 address with a port is written in brackets."""
    host, port = text, ""
    if "/" in text:
        raise argparse.ArgumentTypeError(f"{text} is not HOST or HOST:PORT")
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or any(character.isspace() for character in host):
        raise argparse.ArgumentTypeError(f"{text} is not HOST or HOST:PORT")
    return host, _port(port) if port else 0


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if price >= 0 and isfinite(price):
        return price
    raise argparse.ArgumentTypeError(f"{text} is not a price; write US dollars per GB, 0.045 say")


def _flows(text: str) -> int:
    if text.isdecimal() and 2 <= int(text) <= 64:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number of flows from 2 to 64")


def _hops(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 64:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number of hops from 1 to 64")


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port; write a number from 1 to 65535")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds > 0 and isfinite(seconds):
        return seconds
    raise argparse.ArgumentTypeError(f"{text} is no length of time; write seconds, 15 say")
