"""``egress-monitor completion``: completion scripts, generated from the parser."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping

from monitor.cli.options import Options
from monitor.cli.parser import COMMANDS, make_parser
from monitor.model.causes import Cause

NAME = "egress-monitor"


def main(options: Options) -> int:
    """Print the script and return 0."""
    sys.stdout.write(script(options.word))
    return 0


def script(shell: str) -> str:
    """Return the completion script for ``bash``, ``zsh`` or ``fish``."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands())


def commands() -> Mapping[str, tuple[argparse.Action, ...]]:
    """Return the arguments of each command."""
    parser = make_parser()
    actions = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    return {
        name: tuple(command._actions)  # noqa: SLF001 - argparse offers no other access
        for name, command in next(actions).choices.items()
    }


def _words(name: str, actions: tuple[argparse.Action, ...]) -> list[str]:
    """Return the options of a command, and the values of its positional argument."""
    words = [option for action in actions for option in action.option_strings]
    for action in actions:
        if not action.option_strings and action.choices:
            words += [str(choice) for choice in action.choices]
    return words + ([cause.value for cause in Cause] if name == "explain" else [])


def _values(actions: tuple[argparse.Action, ...]) -> Iterator[tuple[str, list[str]]]:
    for action in actions:
        if action.choices and action.option_strings:
            yield "|".join(action.option_strings), [str(choice) for choice in action.choices]


def _bash(found: Mapping[str, tuple[argparse.Action, ...]]) -> str:
    cases = "\n".join(
        f"        {name}) words={' '.join(_words(name, actions))!r} ;;"
        for name, actions in found.items()
    )
    choices: dict[str, dict[str, None]] = {}
    for actions in found.values():
        for options, each in _values(actions):
            choices.setdefault(options, {}).update(dict.fromkeys(each))
    values = "\n".join(
        f"        {options}) words={' '.join(each)!r}; _egress_monitor_reply; return ;;"
        for options, each in sorted(choices.items())
    )
    return f"""\
# bash completion for {NAME}
_egress_monitor_reply() {{ COMPREPLY=($(compgen -W "$words" -- "$current")); }}
_egress_monitor() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words
    case $previous in
{values}
        --config|--output|--aws-ranges|--state) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    case ${{COMP_WORDS[1]}} in
{cases}
        *) words='{" ".join(found)} --help --version' ;;
    esac
    ((COMP_CWORD == 1)) && words='{" ".join(found)} --help --version'
    _egress_monitor_reply
}}
complete -F _egress_monitor {NAME}
"""


def _zsh(found: Mapping[str, tuple[argparse.Action, ...]]) -> str:
    described = "\n".join(f"        '{name}:{_quoted(COMMANDS[name])}'" for name in found)
    cases = "\n".join(
        f"        {name}) compadd -- {' '.join(_words(name, actions))}; _files ;;"
        for name, actions in found.items()
    )
    return f"""\
#compdef {NAME}
_egress_monitor() {{
    local -a commands=(
{described}
    )
    if ((CURRENT == 2)); then
        _describe command commands
        return
    fi
    case $words[2] in
{cases}
    esac
}}
if [ "$funcstack[1]" = "_egress_monitor" ]; then
    _egress_monitor "$@"
else
    compdef _egress_monitor {NAME}
fi
"""


def _fish(found: Mapping[str, tuple[argparse.Action, ...]]) -> str:
    lines = [f"# fish completion for {NAME}", f"complete -c {NAME} -f"]
    for name, actions in found.items():
        lines.append(
            f"complete -c {NAME} -n __fish_use_subcommand -a {name} -d '{_quoted(COMMANDS[name])}'"
        )
        used = f"'__fish_seen_subcommand_from {name}'"
        for action in actions:
            for option in action.option_strings:
                flag = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
                takes = "" if action.nargs == 0 else " -r"
                values = f" -a '{' '.join(map(str, action.choices))}'" if action.choices else ""
                lines.append(
                    f"complete -c {NAME} -n {used} {flag}{takes}{values} "
                    f"-d '{_quoted(action.help or '')}'"
                )
        positional = [w for w in _words(name, actions) if not w.startswith("-")]
        if positional:
            lines.append(f"complete -c {NAME} -n {used} -a '{' '.join(positional)}'")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("%%", "%").replace("'", "")
