"""The arguments of every command, with examples in the help."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import NoReturn

from monitor import __version__
from monitor.cli.options import EVERY, NAT_PRICE, SHELLS
from monitor.common.config_places import PATH_VARIABLE, PLACES, TEXT_VARIABLE
from monitor.present.formats import FirewallFormat, Format

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "check": "probe everything once, or only what is named, and explain what fails",
        "run": "probe on a schedule and export the results (the daemon)",
        "demo": "show the monitor in a small internet on this machine, with a fault each minute",
        "init": "write a configuration file from arguments or prompts",
        "validate": "check the configuration; sends nothing",
        "endpoints": "list the endpoints, the firewall request, or the traffic and its cost",
        "explain": "print the runbook entry of a cause",
        "trace": "trace the hops to a host on the port that fails",
        "healthcheck": "ask the monitor on this machine whether it is healthy",
        "completion": "print the completion script for a shell",
    }
)

_EXIT = (
    "exit status: 0 every required endpoint was reached, 1 not every one,\n"
    "2 wrong arguments or configuration"
)
_EPILOGS: Mapping[str, str] = MappingProxyType(
    {
        "check": f"""\
examples:
  egress-monitor check
  egress-monitor check --only gateway --all
  egress-monitor check https://git.example.com 10.0.0.8:3128
  egress-monitor check --region eu-central-1 --firewall-request
  egress-monitor check --format json > check.json

{_EXIT}""",
        "init": """\
examples:
  egress-monitor init                                  # asks
  egress-monitor init --region eu-central-1 --scm https://git.example.com
  egress-monitor init --profile enterprise --output /etc/egress-monitor/config.toml""",
        "endpoints": """\
examples:
  egress-monitor endpoints --region eu-central-1 --firewall-request security-group
  egress-monitor endpoints --cost""",
        "explain": """\
examples:
  egress-monitor explain tls_reset_on_hello
  egress-monitor explain                               # lists every cause""",
        "trace": """\
examples:
  egress-monitor trace app.gitpod.io
  egress-monitor trace lighthouse.us01.gitpod.dev --udp
  egress-monitor trace app.gitpod.io --flows 16 --json

exit status: 0 the destination replies, 1 it does not, 2 wrong arguments or configuration""",
        "completion": """\
examples:
  egress-monitor completion bash > ~/.local/share/bash-completion/completions/egress-monitor
  egress-monitor completion fish > ~/.config/fish/completions/egress-monitor.fish""",
    }
)
_REPORTING = ("check", "endpoints", "validate")


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong argument in one line instead of after its whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and end the process with status 2."""
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` shows the arguments\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="egress-monitor",
        description="Reports which egress of an Ona runner's subnet broke, where, and why.",
        epilog="egress-monitor COMMAND --help shows the arguments and examples of a command.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[:1].upper()}{purpose[1:]}.",
            epilog=_EPILOGS.get(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _ARGUMENTS[name](command)
    return parser


def _config(command: argparse.ArgumentParser) -> None:
    places = f"${PATH_VARIABLE}, ${TEXT_VARIABLE} (the text), {', '.join(map(str, PLACES))}"
    command.add_argument(
        "--config", metavar="PATH", help=f"configuration file (default: {places}, else none)"
    )


def _place(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("overrides of the configuration")
    group.add_argument(
        "--region", type=_region, metavar="NAME", help="AWS region, e.g. eu-central-1"
    )
    group.add_argument("--account-id", type=_account, metavar="ID", help="AWS account, 12 digits")
    group.add_argument("--profile", choices=["standard", "enterprise"], help="kind of runner")


def _report(
    command: argparse.ArgumentParser, forms: list[Format]
) -> argparse._MutuallyExclusiveGroup:
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--format",
        choices=[form.value for form in forms],
        default=Format.TEXT.value,
        help="format of the report (default: text)",
    )
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ID-OR-GROUP",
        help="only this target or group; may be repeated",
    )
    return how


def _firewall(how: argparse._MutuallyExclusiveGroup) -> None:
    how.add_argument(
        "--firewall-request",
        nargs="?",
        choices=[form.value for form in FirewallFormat],
        const=FirewallFormat.TEXT.value,
        metavar="FORM",
        help="print the rules to request; FORM: "
        + ", ".join(form.value for form in FirewallFormat),
    )


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "destinations",
        nargs="*",
        metavar="URL|HOST:PORT",
        help="check these instead of the configured endpoints",
    )
    _config(command)
    how = _report(command, list(Format))
    _firewall(how)
    how.add_argument("--watch", action="store_true", help="keep a live view on the terminal")
    command.add_argument(
        "--all", dest="everything", action="store_true", help="also list what is up"
    )
    command.add_argument("-q", "--quiet", action="store_true", help="print the verdict only")
    _place(command)


def _endpoints(command: argparse.ArgumentParser) -> None:
    _config(command)
    _firewall(_report(command, [Format.TEXT, Format.JSON]))
    command.add_argument(
        "--cost",
        nargs="?",
        type=_price,
        const=NAT_PRICE,
        metavar="USD",
        help=f"print traffic and NAT gateway cost; USD per GB (default: {NAT_PRICE:g})",
    )
    _place(command)


def _validate(command: argparse.ArgumentParser) -> None:
    _config(command)
    _report(command, [Format.TEXT, Format.JSON])
    _place(command)


def _demo(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=port, help="port of the page (default: 9242)")
    command.add_argument(
        "--every",
        type=_seconds,
        default=EVERY,
        metavar="SECONDS",
        help=f"time from one fault to the next (default: {EVERY:g})",
    )


def _healthcheck(command: argparse.ArgumentParser) -> None:
    _config(command)
    command.add_argument("--port", type=port, help="port (default: that of the configuration)")


def _init(command: argparse.ArgumentParser) -> None:
    command.add_argument("--output", default="config.toml", metavar="PATH", help="file to write")
    command.add_argument("--force", action="store_true", help="replace the file if it exists")
    command.add_argument("--scm", action="append", default=[], metavar="URL", help="your Git host")
    command.add_argument("--sso", action="append", default=[], metavar="URL", help="your IdP")
    command.add_argument("--state", metavar="DIRECTORY", help="directory for state")
    _place(command)


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("cause", nargs="?", metavar="CAUSE", help="a cause; without it, a list")


def _completion(command: argparse.ArgumentParser) -> None:
    command.add_argument("shell", choices=SHELLS)


def _trace(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "destination",
        type=destination,
        metavar="HOST[:PORT]",
        help="host name or IP address ([IPv6]:PORT); port 443 unless given, 4242 with --udp",
    )
    _config(command)
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


_ARGUMENTS = {
    "check": _check,
    "run": _config,
    "demo": _demo,
    "init": _init,
    "validate": _validate,
    "endpoints": _endpoints,
    "explain": _explain,
    "trace": _trace,
    "healthcheck": _healthcheck,
    "completion": _completion,
}


def destination(text: str) -> tuple[str, int]:
    """Split ``HOST[:PORT]``; an IPv6 address with a port is written in brackets. Port 0: none.

    Raises:
        argparse.ArgumentTypeError: if it is something else.
    """
    host, number = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        number = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
    if not host or any(character in "/@" or character.isspace() for character in text):
        raise argparse.ArgumentTypeError(f"{shown(text)!r} is not HOST or HOST:PORT")
    return host, port(number) if number else 0


def shown(text: str) -> str:
    """Return a destination without user, password and query, which may be secret."""
    scheme, separator, rest = text.partition("://")
    place = rest.rpartition("@")[2] if separator else text.rpartition("@")[2]
    return f"{scheme}{separator}{place}".partition("?")[0] if separator else place


def port(text: str) -> int:
    """Parse a port number.

    Raises:
        argparse.ArgumentTypeError: if it is not one.
    """
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port; write a number from 1 to 65535")


def _region(text: str) -> str:
    from monitor.common.identifiers import REGION  # noqa: PLC0415 - for this option only

    if REGION.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"{text} is not an AWS region; write one such as eu-central-1")


def _account(text: str) -> str:
    if text.isascii() and text.isdecimal() and len(text) == 12:
        return text
    raise argparse.ArgumentTypeError(f"{text} is not an AWS account; write its 12 digits")


def _flows(text: str) -> int:
    return _count(text, 2, 64, "flows")


def _hops(text: str) -> int:
    return _count(text, 1, 64, "hops")


def _count(text: str, least: int, most: int, what: str) -> int:
    if text.isascii() and text.isdecimal() and least <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number of {what} from {least} to {most}")


def _price(text: str) -> float:
    return _number(text, "a price; write US dollars per GB, such as 0.045", least=0.0)


def _seconds(text: str) -> float:
    return _number(text, "a duration; write seconds, such as 15", least=1e-3)


def _number(text: str, what: str, *, least: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if number >= least and isfinite(number):
        return number
    raise argparse.ArgumentTypeError(f"{text} is not {what}")
