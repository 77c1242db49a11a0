"""The command line: parses the arguments, runs one command, returns its exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from monitor.cli.encoding import replace_what_cannot_be_shown
from monitor.cli.options import EVERY, InitOptions, Options, Overrides, TraceOptions
from monitor.cli.parser import make_parser
from monitor.model.settings import ConfigError
from monitor.present.formats import FirewallFormat, Format

EXIT_CONFIG = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_PIPE = 141  # 128 + SIGPIPE

_WITHOUT_OUTPUT = frozenset({"healthcheck", "run"})
_WITHOUT_CONFIGURATION = frozenset({"completion", "demo", "explain", "init"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Raises:
        SystemExit: for ``--help``, ``--version`` and invalid arguments.
    """
    arguments = make_parser().parse_args(argv)
    if sys.stdout is None and arguments.command not in _WITHOUT_OUTPUT:
        print("standard output: it is closed; open it, or redirect it to a file", file=sys.stderr)
        return EXIT_CONFIG
    replace_what_cannot_be_shown(sys.stdout, sys.stderr)
    try:
        status: int = import_module(f"monitor.cli.{arguments.command}").main(
            _options(arguments, os.environ)
        )
        if sys.stdout is not None:
            sys.stdout.flush()
    except ConfigError as error:
        _report(error, Format(getattr(arguments, "format", Format.TEXT)))
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer has no reader: keep the interpreter from flushing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except OSError as error:
        return _output_failed(error)
    return status


def _report(error: ConfigError, form: Format) -> None:
    if form is Format.JSON:
        from monitor.present.report import encode, error_document  # noqa: PLC0415 - for this case only

        print(encode(error_document(error.problems)))
    else:
        print(error, file=sys.stderr)


def _output_failed(error: OSError) -> int:
    """Report that standard output cannot take the report, for example on a full disk."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"standard output: {error.strerror}; write to another place", file=sys.stderr)
    return EXIT_CONFIG


def _options(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Options:
    from monitor.config.source import ConfigSource, find_source  # noqa: PLC0415 - slow: not for --help

    if arguments.command in _WITHOUT_CONFIGURATION:
        source = ConfigSource("(none)")
    else:
        source = find_source(getattr(arguments, "config", None), environ)
    if source.passed_over:
        print(f"{source.passed_over}; not used, configuration: {source.name}", file=sys.stderr)
    request = getattr(arguments, "firewall_request", None)
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
        everything=getattr(arguments, "everything", False),
        quiet=getattr(arguments, "quiet", False),
        destinations=tuple(getattr(arguments, "destinations", ())),
        overrides=_overrides(arguments),
        word=getattr(arguments, "cause", None) or getattr(arguments, "shell", None) or "",
        init=_init_options(arguments) if arguments.command == "init" else None,
        trace=_trace_options(arguments) if arguments.command == "trace" else None,
    )


def _overrides(arguments: argparse.Namespace) -> Overrides:
    return Overrides(
        region=getattr(arguments, "region", None) or "",
        account_id=getattr(arguments, "account_id", None) or "",
        profile=getattr(arguments, "profile", None) or "",
    )


def _init_options(arguments: argparse.Namespace) -> InitOptions:
    return InitOptions(
        output=Path(arguments.output),
        force=arguments.force,
        scm=tuple(arguments.scm),
        sso=tuple(arguments.sso),
        state=arguments.state or "",
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
