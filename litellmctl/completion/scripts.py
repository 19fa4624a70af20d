"""The completion scripts of the shells, which run this program at each TAB and read its output."""

from __future__ import annotations

BASH = r"""# litellmctl's completion for bash, as ~/.local/share/bash-completion/completions/litellmctl
_litellmctl() {
    local type value help
    COMPREPLY=()
    while IFS=$'\t' read -r type value help; do
        case $type in
            file) compopt -o default 2> /dev/null ;;
            dir) compopt -o dirnames 2> /dev/null ;;
            part) compopt -o nospace 2> /dev/null; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(_LITELLMCTL_COMPLETE=bash _LITELLMCTL_LINE="${COMP_LINE:0:COMP_POINT}" \
        _LITELLMCTL_BREAKS="$COMP_WORDBREAKS" "$1" 2> /dev/null)
}
complete -o nosort -F _litellmctl litellmctl 2> /dev/null || complete -F _litellmctl litellmctl
"""

ZSH = r"""#compdef litellmctl
# litellmctl's completion for zsh, as _litellmctl in a folder of $fpath
_litellmctl() {
    local line type value help files typed
    local -a described parts
    typed="${(F)${(@Q)words[1,CURRENT-1]}}"$'\n'"${(Q)PREFIX}"
    for line in "${(@f)$(_LITELLMCTL_COMPLETE=zsh _LITELLMCTL_WORDS=$typed ${(Q)words[1]} 2> /dev/null)}"; do
        type=${line%%$'\t'*} value=${${line#*$'\t'}%%$'\t'*} help=${line##*$'\t'}
        case $type in
            file) files=_files ;;
            dir) files='_files -/' ;;
            part) parts+=("${value//:/\\:}${help:+:$help}") ;;
            plain) described+=("${value//:/\\:}${help:+:$help}") ;;
        esac
    done
    (( $#described )) && _describe -V litellmctl described
    (( $#parts )) && _describe -V litellmctl parts -S ''
    [[ -n $files ]] && { compset -P '--*='; ${=files}; }
    return 0
}
_litellmctl_register() {
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _litellmctl litellmctl
    precmd_functions=(${precmd_functions:#_litellmctl_register})
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _litellmctl "$@"
else
    # At the first prompt: a compinit that comes later in .zshrc would forget what is registered now.
    (( $+functions[compdef] )) && compdef _litellmctl litellmctl
    typeset -ga precmd_functions
    precmd_functions+=(_litellmctl_register)
fi
"""

FISH = r"""# litellmctl's completion for fish, as ~/.config/fish/completions/litellmctl.fish
function __litellmctl_complete
    set -lx _LITELLMCTL_COMPLETE fish
    set -l words (commandline -opc) (commandline -ct | string replace -ra '["\']' '')
    set -lx _LITELLMCTL_WORDS (printf '\n%s' $words[2..-1] | string collect --no-trim-newlines)
    for line in (command $argv[1] 2> /dev/null)
        set -l parts (string split -m 2 \t -- $line)
        switch $parts[1]
            case file
                __fish_complete_path (commandline -ct)
            case dir
                __fish_complete_directories (commandline -ct)
            case plain part
                string join \t -- $parts[2..3]
        end
    end
end
complete --no-files --keep-order --command litellmctl --arguments '(__litellmctl_complete litellmctl)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
