"""Completion scripts for shells, made from the table of options.

Text only; nothing of the program is loaded, so that `gregaria --completion bash` costs as little as `--help`.
"""

from __future__ import annotations

from collections.abc import Callable

from .options import LOG_LEVELS, OPTIONS, SHELLS, Option

CHOICES: dict[str, tuple[str, ...]] = {"log level": LOG_LEVELS, "shell": SHELLS}
_ZSH_QUOTES: dict[int, str] = {ord("["): "\\[", ord("]"): "\\]", ord("'"): "'\\''", ord(":"): "\\:"}
WITHOUT_VALUE = ("flag", "help", "version")


def script(shell: str) -> str:
    """The script for one of `SHELLS`."""
    made: dict[str, Callable[[], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return made[shell]()


_BASH_CLASSES = (
    "        local file=locustfile.py at",
    "        for ((at = 1; at < COMP_CWORD; at++)); do",
    '            [[ "${COMP_WORDS[at-1]}" =~ ^(-f|--locustfile)$ ]] && file="${COMP_WORDS[at]}"',
    "        done",
    '        local classes; classes="$(gregaria --complete-user-classes "$file" 2>/dev/null)"',
    '        mapfile -t COMPREPLY < <(compgen -W "$classes" -- "$current")',
)


def _offered() -> list[Option]:
    return [option for option in OPTIONS if option.flags and not option.is_removed and not option.hidden]


def _takes_file(option: Option) -> bool:
    return option.kind in ("path", "config file") or option.dest == "locustfile"


def _bash() -> str:
    cases = []
    for option in _offered():
        if option.kind in WITHOUT_VALUE:
            continue
        if words := CHOICES.get(option.kind):
            reply = f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)}" -- "$current")'
        elif _takes_file(option):
            reply = 'mapfile -t COMPREPLY < <(compgen -f -- "$current")'
        else:
            reply = "COMPREPLY=()"
        cases.append(f"        {'|'.join(option.flags)}) {reply}; return ;;")
    flags = " ".join(flag for option in _offered() for flag in option.flags)
    return "\n".join(
        [
            "# bash completion for gregaria",
            "_gregaria() {",
            '    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
            '    case "$previous" in',
            *cases,
            "    esac",
            '    if [[ "$current" != -* ]]; then',
            *_BASH_CLASSES,
            "        return",
            "    fi",
            f'    mapfile -t COMPREPLY < <(compgen -W "{flags}" -- "$current")',
            "}",
            "complete -o filenames -F _gregaria gregaria",
            "",
        ]
    )


_ZSH_HEAD = (
    "#compdef gregaria",
    "_gregaria_user_classes() {",
    "  local file=${opt_args[-f]:-${opt_args[--locustfile]:-locustfile.py}}",
    '  compadd -- ${(f)"$(gregaria --complete-user-classes $file 2>/dev/null)"}',
    "}",
)


def _zsh() -> str:
    specs = []
    for option in _offered():
        text = option.help.translate(_ZSH_QUOTES)
        several = option.kind in ("words", "user settings", "conditions", "resolutions")
        exclusive = "*" if several else f"({' '.join(option.flags)})"
        value = ""
        if option.kind not in WITHOUT_VALUE:
            words = CHOICES.get(option.kind)
            action = f"({' '.join(words)})" if words else "_files" if _takes_file(option) else " "
            value = f":{option.name.lstrip('-')}:{action}"
        flags = "{" + ",".join(option.flags) + "}" if len(option.flags) > 1 else option.flags[0]
        specs.append(f"  '{exclusive}'{flags}'[{text}]{value}' \\")
    return "\n".join([*_ZSH_HEAD, "_arguments -s \\", *specs, "  '*:user class:_gregaria_user_classes'", ""])


def _fish() -> str:
    lines = ["# fish completion for gregaria", "complete -c gregaria -f"]
    lines.append(
        "complete -c gregaria -a '(gregaria --complete-user-classes locustfile.py 2>/dev/null)' -d 'user class'"
    )
    for option in _offered():
        names = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
        text = option.help.replace("\\", "\\\\").replace("'", "\\'")
        value = ""
        if option.kind not in WITHOUT_VALUE:
            words = CHOICES.get(option.kind)
            value = f" -x -a '{' '.join(words)}'" if words else " -r -F" if _takes_file(option) else " -x"
        lines.append(f"complete -c gregaria {' '.join(names)}{value} -d '{text}'")
    return "\n".join([*lines, ""])
