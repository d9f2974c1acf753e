# Completion of brevet for bash. After the command of run and explain the command's own completion takes over.
_brevet() {
    local cur prev words cword i
    if declare -F _init_completion >/dev/null; then
        _init_completion -n = || return
    else
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    fi
    if ((cword == 1)); then
        COMPREPLY=($(compgen -W 'run explain list requests withdraw grants end status lock completion --help --version' -- "$cur"))
        return
    fi
    case ${words[1]} in
        run | explain)
            for ((i = 2; i < cword; i++)); do
                case ${words[i]} in
                    --reason | --for | --ticket | --as) ((i++)) ;;
                    --) ((i++)); break ;;
                    -*) ;;
                    *) break ;;
                esac
            done
            if ((i < cword)); then
                declare -F _command_offset >/dev/null && _command_offset "$i"
                return
            fi
            case $prev in
                --as) COMPREPLY=($(compgen -u -- "$cur")) ;;
                --for) COMPREPLY=($(compgen -W '15m 30m 1h 2h' -- "$cur")) ;;
                --reason | --ticket) ;;
                *)
                    if [[ $cur == -* && ${words[1]} == run ]]; then
                        COMPREPLY=($(compgen -W '--reason --for --ticket --as --no-wait --json --help --' -- "$cur"))
                    elif [[ $cur == -* ]]; then
                        COMPREPLY=($(compgen -W '--as --json --help --' -- "$cur"))
                    else
                        COMPREPLY=($(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin compgen -c -f -- "$cur"))
                    fi
                    ;;
            esac
            ;;
        completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")) ;;
        *) COMPREPLY=($(compgen -W '--json --help' -- "$cur")) ;;
    esac
}
complete -F _brevet brevet
