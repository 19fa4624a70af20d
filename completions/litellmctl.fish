# litellmctl's completion for fish, as ~/.config/fish/completions/litellmctl.fish
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
