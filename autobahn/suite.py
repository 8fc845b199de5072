"""Runs cases of the Autobahn testsuite with several clients at once and writes one report.

For Python 2.7, in the virtualenv that run.sh makes. Each client is the suite's own fuzzing client
with its share of the cases; it hands over its results instead of writing a report. The report, HTML
and JSON, is then written from all results by the suite's own writer, as after a run with one client.
"""

import argparse
import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time

from autobahntestsuite import wstest  # must come first: it chooses the reactor
from autobahntestsuite import fuzzing
from autobahntestsuite.caseset import CaseSet
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    if sys.argv[1:2] == ['--client']:
        return client(*sys.argv[2:])
    options = parse_arguments()
    shares = share_out(select(options.cases, options.exclude), options.shards)
    cases = sum(len(share) for share in shares)
    print('running %d cases with %d client(s) against %s' % (cases, len(shares), options.url))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by SIGTERM'))
    with open(options.log, 'wb') as log:
        clients = []
        try:
            clients = [start_client(options, share, log) for share in shares]
            follow([process for process, _ in clients], options.log, cases)
            results = [collect(process, path) for process, path in clients]
        finally:
            end(clients)
    write_report(options.out, results)


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--url', required=True)
    parser.add_argument('--agent', default='stickler', help='the name of the server in the report')
    parser.add_argument('--out', required=True, help='folder for the report')
    parser.add_argument('--log', required=True, help='file for what the clients print')
    parser.add_argument('--cases', default='*', help='patterns with commas between them')
    parser.add_argument('--exclude', default='')
    parser.add_argument('--shards', type=int, default=1)
    return parser.parse_args()


def case_set():
    return CaseSet(fuzzing.CaseSetname, fuzzing.CaseBasename, fuzzing.Cases,
                   fuzzing.CaseCategories, fuzzing.CaseSubCategories)


def select(cases, exclude):
    """The ids of the cases, in order, by the suite's own reading of the patterns."""
    patterns = {'cases': words(cases), 'exclude-cases': words(exclude)}
    known = case_set()
    ids = known.parseSpecCases(patterns)
    unknown = [case for case in ids if case not in known.CasesIndices]
    if unknown or not ids:
        sys.exit('no such case: %s' % (', '.join(unknown) or cases))
    return ids


def words(text):
    return [word for word in text.split(',') if word]


def share_out(ids, shards):
    """Splits the cases so that each client gets some of every kind: there and back again."""
    shards = max(1, min(shards, len(ids)))
    shares = [[] for _ in range(shards)]
    for number, case in enumerate(ids):
        turn, place = divmod(number, shards)
        shares[place if turn % 2 == 0 else shards - 1 - place].append(case)
    return shares


def start_client(options, share, log):
    with open(os.path.join(HERE, 'fuzzingclient.json')) as template:
        spec = json.load(template)
    spec['servers'] = [{'agent': options.agent, 'url': options.url}]
    spec['cases'] = share
    handle, path = tempfile.mkstemp(prefix='autobahn-client-')
    with os.fdopen(handle, 'wb') as out:
        out.write(json.dumps(spec))
    command = [sys.executable, '-u', os.path.abspath(__file__), '--client', path]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT), path


def client(path):
    """One client: reads its configuration from the file and leaves its results in the same file."""
    with open(path, 'rb') as source:
        spec = json.load(source)

    def hand_over(factory):
        with open(path, 'wb') as out:
            pickle.dump(factory.agents, out, pickle.HIGHEST_PROTOCOL)

    fuzzing.FuzzingFactory.createReports = hand_over
    # A Python that was built without OpenSSL is slow at this, and the cases of compression take it of each message.
    if '_hashlib' not in sys.modules:
        hashlib.sha1 = Sha1
    wstest.start({'mode': 'fuzzingclient', 'debug': False}, spec)


class Sha1(object):
    """SHA-1 as `hashlib.sha1` gives it, by the OpenSSL that the suite has with it for TLS."""

    def __init__(self, data=b''):
        self.hash = hashes.Hash(hashes.SHA1(), default_backend())
        self.hash.update(data)

    def update(self, data):
        self.hash.update(data)

    def digest(self):
        return self.hash.copy().finalize()


def follow(processes, log, cases):
    """Waits for the clients and tells every few seconds how far they are."""
    told = time.time()
    while any(process.poll() is None for process in processes):
        time.sleep(0.1)
        if time.time() - told > 10:
            told = time.time()
            with open(log, 'rb') as lines:
                begun = sum(line.startswith(b'Running test case') for line in lines)
            print('  %d of %d' % (begun, cases))
            sys.stdout.flush()


def collect(process, path):
    if process.returncode != 0:
        sys.exit('a client of the suite ended with status %s' % process.returncode)
    with open(path, 'rb') as results:
        return pickle.load(results)


def end(clients):
    for process, path in clients:
        if process.poll() is None:
            process.terminate()
            process.wait()
        os.remove(path)


def write_report(out, results):
    factory = fuzzing.FuzzingFactory(out)
    factory.CaseSet = case_set()
    for agents in results:
        for cases in agents.values():
            for case in cases.values():
                factory.logCase(case)
    factory.createReports()


if __name__ == '__main__':
    sys.exit(main())
