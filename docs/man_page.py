"""Writes the manual page egress-monitor(1) from the parser of the command line.

argparse has no public way to list the arguments of a parser, so its private attributes are read.
"""

# ruff: noqa: SLF001

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from monitor import __version__
from monitor.cli.parser import COMMANDS, make_parser

PATH = "../deploy/man/egress-monitor.1"
"""The page, relative to docs/."""

_FILES = ("config.toml", "/etc/egress-monitor/config.toml")
_ENVIRONMENT = (
    ("EGRESS_MONITOR_CONFIG", "Path of the configuration file."),
    ("EGRESS_MONITOR_CONFIG_TOML", "Text of the configuration, instead of a file."),
    ("EGRESS_MONITOR_TABLE__KEY", "Value of a single key, such as EGRESS_MONITOR_WEB__TOKEN."),
)
_EXIT = (
    ("0", "Every required endpoint was reached; the daemon was stopped by a signal."),
    ("1", "A required endpoint was not reached, or the daemon ended by an error."),
    ("2", "The arguments or the configuration are wrong."),
)


def man_page() -> str:
    """Return the page in the man macros of groff (groff_man(7))."""
    parser = make_parser()
    lines = [
        '.\\" Written by `make reference` from monitor/cli/parser.py: change that, not this.',
        f'.TH EGRESS-MONITOR 1 "" "Egress Monitor {__version__}" "User Commands"',
        ".SH NAME",
        "egress-monitor \\- monitor the egress that an Ona runner needs",
        ".SH SYNOPSIS",
        ".B egress-monitor",
        "\\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]",
        ".SH DESCRIPTION",
        _text(str(parser.description)),
        ".SH COMMANDS",
    ]
    for name, command in _commands(parser).items():
        lines += [f".SS {_text(name)}", *_command(command)]
    lines += [".SH ENVIRONMENT", *_pairs(_ENVIRONMENT)]
    lines += [".SH FILES", *(f".TP\n.I {_text(path)}\nConfiguration." for path in _FILES)]
    lines += [".SH EXIT STATUS", *_pairs(_EXIT), ""]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {name: commands.choices[name] for name in COMMANDS}


def _command(command: argparse.ArgumentParser) -> Iterator[str]:
    yield _text(str(command.description))
    for action in command._actions:
        if not isinstance(action, argparse._HelpAction):
            yield ".TP"
            yield _heading(action)
            yield _text(_help(action))
    if command.epilog:
        text = _text(command.epilog)
        yield ".PP"
        yield f".nf\n{text}\n.fi"


def _heading(action: argparse.Action) -> str:
    """Return the options of an argument in bold with the name of its value in italics."""
    value = action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else "")
    value = f"\\fI{_text(str(value))}\\fR" if value and action.nargs != 0 else ""
    if action.nargs == "?":
        value = f"[{value}]"
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in action.option_strings)
    return " ".join(part for part in (names, value) if part)


def _help(action: argparse.Action) -> str:
    text = action.help or f"one of {', '.join(action.choices or ())}"
    if action.dest == "format" and action.nargs == 0:
        text = "print JSON"
    if action.dest == "shell":
        text = "the shell"
    return f"{text[:1].upper()}{text[1:]}."


def _pairs(pairs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for name, text in pairs:
        yield f".TP\n.B {_text(name)}\n{_text(text)}"


def _text(text: str) -> str:
    """Escape text for groff: backslashes, hyphens, and controls at the start of a line."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)
