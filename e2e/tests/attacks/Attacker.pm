# A client of the broker that says and sends what it likes. Only what perl-base has.
package Attacker;
use strict;
use warnings;
use Socket;
use Fcntl;
use base 'Exporter';
our @EXPORT = qw(dial frame with_descriptors text run_ask tell tells standard);

alarm 40;
# A session of its own: a process of the session that started Brevet may always send it SIGCONT.
syscall(112);
$SIG{PIPE} = 'IGNORE';
$| = 1;

# A connection to the broker.
sub dial {
    socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
    connect($s, sockaddr_un($_[0] // $ENV{BREVET_SOCKET})) or die "connect: $!";
    return $s;
}

# The bytes of a control frame.
sub frame { return pack('NC', 1 + length $_[0], 0) . $_[0] }

# Sends bytes with descriptors.
sub with_descriptors {
    my ($s, $bytes, @fds) = @_;
    my $control = pack('Qll', 16 + 4 * @fds, 1, 1) . pack('l*', @fds);
    $control .= "\0" x ((8 - length($control) % 8) % 8);
    my $iov = pack('PQ', $bytes, length $bytes);
    my $message = pack('QQPQPQQ', 0, 0, $iov, 1, $control, length $control, 0);
    my $sent = syscall(46, fileno $s, $message, 0x4000);
    return $sent if $sent < 0;
    while ($sent < length $bytes) {
        my $n = syswrite($s, $bytes, length($bytes) - $sent, $sent) // return -1;
        $sent += $n;
    }
    return $sent;
}

# Text as the protocol has it.
sub text {
    my ($bytes) = @_;
    my $copy = $bytes;
    if (utf8::decode($copy)) {
        $bytes =~ s/([\x00-\x1f"\\])/sprintf '\\u%04x', ord $1/ge;
        return "\"$bytes\"";
    }
    my $coded = pack('u', $bytes);
    my $out = '';
    for my $line (split /\n/, $coded) {
        my $rest = substr($line, 1);
        $rest =~ tr#` -_#AA-Za-z0-9+/#;
        $out .= $rest;
    }
    my $pad = (3 - length($bytes) % 3) % 3;
    substr($out, -$pad) = '=' x $pad if $pad;
    return "{\"base64\":\"$out\"}";
}

# The ask to run something; a hash first gives more fields, as JSON.
sub run_ask {
    my ($more, @command) = @_;
    my $list = join ',', map { text($_) } @command;
    my %fields = (environment => '[]', interactive => 'false', %$more);
    my $fields = join ',', map { "\"$_\":$fields{$_}" } sort keys %fields;
    return "{\"ask\":\"run\",\"command\":[$list],$fields}";
}

# The next frame: its kind and payload; nothing at the end.
sub tell {
    my ($s) = @_;
    my $need = sub {
        my ($length) = @_;
        my $got = '';
        while (length $got < $length) {
            my $n = sysread($s, $got, $length - length $got, length $got);
            return undef if !$n;
        }
        return $got;
    };
    my $head = $need->(5) // return;
    my ($length, $kind) = unpack 'NC', $head;
    my $payload = $length > 1 ? ($need->($length - 1) // return) : '';
    return ($kind, $payload);
}

# Everything until the end, one line a frame.
sub tells {
    my ($s) = @_;
    my $out = '';
    while (my ($kind, $payload) = Attacker::tell($s)) { $out .= "$payload\n" if $kind == 0 }
    return $out;
}

# Numbers of descriptors to send: /dev/null three times but for those given by place, and the directory /.
sub standard {
    my (%by_place) = @_;
    open(my $null, '+<', '/dev/null') or die;
    sysopen(my $root, '/', O_RDONLY | 0200000) or die;
    our @keep = (@keep, $null, $root);
    return map { $by_place{$_} // ($_ == 3 ? fileno $root : fileno $null) } 0 .. 3;
}

1;
