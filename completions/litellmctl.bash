# litellmctl's completion for bash, as ~/.local/share/bash-completion/completions/litellmctl
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
