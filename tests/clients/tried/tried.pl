#!/usr/bin/perl
# Plays the conversation of tried.py with Mojolicious: tried.pl mojolicious WAY URL.
use strict;
use warnings;
use Mojo::UserAgent;
use Mojo::IOLoop;

my (undef, $way, $url) = @ARGV;

sub letters {
    my ($seed, $size) = @_;
    my ($number, $text) = ($seed * 7919 + 1, '');
    for (1 .. $size) {
        $number = ($number * 1103515245 + 12345) & 0x7fffffff;
        $text .= chr(97 + ($number >> 16) % 26);
    }
    return $text;
}

my @messages = map { letters($_ % 5, 2000) } 0 .. 14;
push @messages, letters(9, 60000), (($ENV{TRIED_EMPTY} // '') eq 'no' ? () : ''), 'end';

my $agent = Mojo::UserAgent->new;
my $headers = $way eq 'permessage-deflate' ? {'Sec-WebSocket-Extensions' => 'permessage-deflate'} : {};
my ($at, $is_ok, $why) = (0, 0, 'nothing was answered');
$agent->websocket($url => $headers => sub {
    my (undef, $tx) = @_;
    unless ($tx->is_websocket) {
        $why = 'no WebSocket';
        return Mojo::IOLoop->stop;
    }
    $tx->on(finish => sub {
        my (undef, $code, $reason) = @_;
        $is_ok = $at == @messages && $code == 1000;
        $why = "ended after $at echoes with $code " . ($reason // '');
        Mojo::IOLoop->stop;
    });
    $tx->on(message => sub {
        my (undef, $echo) = @_;
        die "message $at came back changed" if $echo ne $messages[$at];
        $at++;
        $at == @messages ? $tx->finish(1000) : $tx->send($messages[$at]);
    });
    $tx->send($messages[0]);
});
Mojo::IOLoop->timer(40 => sub { $why = "waits after $at echoes"; Mojo::IOLoop->stop });
Mojo::IOLoop->start;
print $is_ok ? "ok\n" : "$why\n";
exit !$is_ok;
