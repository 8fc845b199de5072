"""Fails when a planted fault was not found: planted.py MESSAGES 'LINT|FILE|CODE'...

MESSAGES is what cargo printed with --message-format json.
"""

import json
import sys

found = set()
with open(sys.argv[1], encoding="utf-8") as messages:
    for line in messages:
        message = json.loads(line).get("message")
        if isinstance(message, dict) and message["level"] == "error" and message["code"]:
            found.update((message["code"]["code"], span["file_name"]) for span in message["spans"])

missed = [fault for fault in sys.argv[2:] if tuple(fault.split("|")[:2]) not in found]
for fault in missed:
    print("not denied:", fault)
sys.exit(bool(missed))
