//! The help texts.

pub const MAIN: &str = "\
brevet: run one application with more rights, for a while, for a reason

usage: brevet COMMAND [OPTION…] [ARGUMENT…]

commands:
  run        run a command with the rights that a policy or an approver gives
  explain    say what 'run' would do, without doing it
  list       what you may run or ask for on this computer
  requests   your requests and where they stand
  withdraw   take back a pending request
  grants     your grants, how long they last, and their running sessions
  end        finish a grant now, with what runs under it
  status     the state of Brevet on this computer
  lock       forget that you authenticated
  completion what a shell needs to complete these: bash, zsh or fish
  man        write manual pages into a folder

'brevet COMMAND --help' says more about each. Every command takes --json.

examples:
  brevet run apt-get update
  brevet run --reason 'rotate the certificate' --for 30m -- nginx -s reload
  brevet list

environment:
  BREVET_SOCKET   the broker's socket (default /run/brevet/broker.sock)

exit status:
  0     done
  75    the request waits (run --no-wait)
  125   brevet failed
  126   refused
  127   the command was not found
  otherwise, with 'run', the command's own status, or 128 plus the signal's number
";

pub const RUN: &str = "\
usage: brevet run [OPTION…] [--] COMMAND [ARGUMENT…]

Runs COMMAND with the rights that a policy gives you, for as long as it gives them. Where somebody has to approve, it asks for a
reason and a duration, waits, and starts the command as soon as it is approved. Ctrl-C while it waits leaves the request pending:
run the same command again to go on waiting, or take it back with 'brevet withdraw CODE'.

A COMMAND without '/' is looked up in the system's own path, not in yours. Options after COMMAND are the command's.

options:
  --reason TEXT   why; asked for on the terminal where it is needed and not given
  --for TIME      for how long at most, such as 90s, 30m, 1h30m (default: the policy's maximum)
  --ticket TEXT   the number of a ticket, recorded with the request
  --as USER       run as this user, where a policy allows it (default: the policy's)
  --no-wait       do not wait for a decision: print {\"request\": ID} and exit with 75
  --json          say what happens as JSON, one message a line on standard error; the command's own streams stay untouched

examples:
  brevet run systemctl restart web-1
  brevet run --reason 'disk full, INC-1042' --for 15m -- journalctl --vacuum-size=1G
  echo 'net.ipv4.ip_forward=1' | brevet run tee /etc/sysctl.d/90-forward.conf
  brevet run --no-wait --reason 'tonight' /opt/tools/report.py

exit status:
  the command's own status, or
  75     the request waits (--no-wait)
  125    brevet failed: the broker cannot be reached, or the connection was lost
  126    refused, declined or lapsed, or a reason is needed and there is no terminal to ask for it
  127    the command was not found
  128+n  signal n ended the command (137: killed, as at the end of its time)
";

pub const EXPLAIN: &str = "\
usage: brevet explain [--as USER] [--json] [--] COMMAND [ARGUMENT…]

Says what 'brevet run' would do with this command: which application it is, which policy decides, and why your other policies
do not. Nothing runs and nothing is asked for.

examples:
  brevet explain -- apt-get install nginx
  brevet explain --as reports /opt/tools/report.py

exit status:
  0     it would run, or could be asked for
  125   brevet failed
  126   it would be refused
  127   the command was not found
";

pub const LIST: &str = "\
usage: brevet list [--json]

Shows the policies that name you on this computer: what you may run at once, with a reason, or after an approval.

examples:
  brevet list
  brevet list --json

exit status: 0, 125 brevet failed, 126 refused
";

pub const STATUS: &str = "\
usage: brevet status [--json]

Shows the state of Brevet on this computer: whether it is connected, since when it has not heard from its server, how many
policies are in force, and which it refuses because it cannot enforce them.

examples:
  brevet status
  brevet status --json

exit status: 0, 125 brevet failed, 126 refused
";

pub const REQUESTS: &str = "\
usage: brevet requests [--json]

Shows your requests on this computer, the newest first.

examples:
  brevet requests
  brevet requests --json

exit status: 0, 125 brevet failed, 126 refused
";

pub const GRANTS: &str = "\
usage: brevet grants [--json]

Shows your grants on this computer, the newest first, with their running sessions.

examples:
  brevet grants
  brevet grants --json

exit status: 0, 125 brevet failed, 126 refused
";

pub const WITHDRAW: &str = "\
usage: brevet withdraw [--json] ID|CODE

Takes back a pending request of yours. 'brevet requests' shows their ids and short codes.

examples:
  brevet withdraw 7K3M-Q9ZT
  brevet withdraw req_01jd4tb1qk0000000000000000

exit status: 0, 125 brevet failed, 126 refused (there is no such request of yours, or it is decided)
";

pub const END: &str = "\
usage: brevet end [--json] ID

Finishes a grant of yours now. What runs under it is ended. 'brevet grants' shows their ids.

examples:
  brevet end gra_01jd4tb1qk0000000000000000

exit status: 0, 125 brevet failed, 126 refused (there is no such grant of yours)
";

pub const LOCK: &str = "\
usage: brevet lock [--json]

Forgets that you authenticated: the next command whose policy wants a password asks for it again.

examples:
  brevet lock

exit status: 0, 125 brevet failed, 126 refused
";

pub const COMPLETION: &str = "\
usage: brevet completion bash|zsh|fish

Prints what a shell needs to complete brevet's commands.

examples:
  brevet completion bash > /etc/bash_completion.d/brevet

exit status: 0, 125 brevet failed
";

pub const MAN: &str = "\
usage: brevet man FOLDER

Writes manual pages into FOLDER: one for brevet and one for each of its commands.

examples:
  brevet man /usr/local/share/man/man1

exit status: 0, 125 brevet failed
";

/// Every command with its help, in the order of `MAIN`.
pub const COMMANDS: [(&str, &str); 11] = [
    ("run", RUN),
    ("explain", EXPLAIN),
    ("list", LIST),
    ("requests", REQUESTS),
    ("withdraw", WITHDRAW),
    ("grants", GRANTS),
    ("end", END),
    ("status", STATUS),
    ("lock", LOCK),
    ("completion", COMPLETION),
    ("man", MAN),
];

pub const BASH: &str = include_str!("../completion/brevet.bash");
pub const ZSH: &str = include_str!("../completion/brevet.zsh");
pub const FISH: &str = include_str!("../completion/brevet.fish");
