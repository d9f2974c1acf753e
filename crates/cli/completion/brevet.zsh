#compdef brevet
# Completion of brevet for zsh. After the command of run and explain the command's own completion takes over.
_brevet() {
    local -a commands
    commands=(
        'run:run a command with the rights that a policy or an approver gives'
        'explain:say what run would do, without doing it'
        'list:what you may run or ask for on this computer'
        'requests:your requests and where they stand'
        'withdraw:take back a pending request'
        'grants:your grants, how long they last, and their running sessions'
        'end:finish a grant now, with what runs under it'
        'status:the state of Brevet on this computer'
        'lock:forget that you authenticated'
        'completion:print what a shell needs to complete commands'
    )
    if ((CURRENT == 2)); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    ((CURRENT--))
    case $command in
        run)
            _arguments -S '--reason[why]:reason:' '--for[for how long at most]:duration:(15m 30m 1h 2h)' \
                '--ticket[the number of a ticket]:ticket:' '--as[run as this user]:user:_users' \
                '--no-wait[do not wait for a decision]' '--json[say what happens as JSON]' '--help[say more]' \
                '(-)1:command:_command_names -e' '*::arguments:_normal'
            ;;
        explain)
            _arguments -S '--as[as this user]:user:_users' '--json[as JSON]' '--help[say more]' \
                '(-)1:command:_command_names -e' '*::arguments:_normal'
            ;;
        completion) _arguments '1:shell:(bash zsh fish)' ;;
        *) _arguments '--json[as JSON]' '--help[say more]' '*:id:' ;;
    esac
}
_brevet "$@"
