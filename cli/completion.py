"""`completion`: a script with which a shell completes our commands; the words come from typer, asked at each TAB."""

import os
from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # where typer keeps it

from cli.output import say

VARIABLE = "_INPAINT_TRACKER_COMPLETE"
"""Set by the scripts; typer derives it from the program's name."""

BASH = r"""
# in ~/.bashrc:  eval "$(inpaint-tracker completion bash)"
_inpaint_tracker() {
    local IFS=$'\n'
    COMPREPLY=($(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \
        _INPAINT_TRACKER_COMPLETE=complete_bash "$1" 2>/dev/null))
}
complete -o default -F _inpaint_tracker inpaint-tracker
"""

ZSH = r"""
#compdef inpaint-tracker
# in ~/.zshrc, after compinit:  eval "$(inpaint-tracker completion zsh)"
# or as a file _inpaint-tracker in a folder of $fpath
_inpaint-tracker() {
    local -a found
    local line
    for line in "${(@f)$(_TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _TYPER_COMPLETE_FISH_ACTION=get-args \
            _INPAINT_TRACKER_COMPLETE=complete_fish "${words[1]}" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${${line//:/\\:}/$'\t'/:}")
    done
    if (( $#found )); then
        _describe -V 'inpaint-tracker' found -M 'm:{[:lower:]}={[:upper:]}'
    else
        _files
    fi
}
if [[ ${funcstack[1]} == _inpaint-tracker ]]; then
    _inpaint-tracker "$@"
else
    compdef _inpaint-tracker inpaint-tracker
fi
"""

FISH = r"""
# in ~/.config/fish/config.fish:  inpaint-tracker completion fish | source
function __inpaint_tracker
    _INPAINT_TRACKER_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \
        _TYPER_COMPLETE_ARGS=(commandline -cp) inpaint-tracker 2>/dev/null
end
complete --command inpaint-tracker --no-files --arguments "(__inpaint_tracker get-args)" \
    --condition "__inpaint_tracker is-args"
"""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


SCRIPTS = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}


def completion(shell: Annotated[Shell, typer.Argument(help="Its first lines say where it goes.")]) -> None:
    """Prints the script that completes our commands in your shell."""
    say(SCRIPTS[shell].strip())


def enable() -> None:
    """Typer knows the shells only where its own options would edit their files, which ours leave alone."""
    if VARIABLE in os.environ:
        completion_init()
