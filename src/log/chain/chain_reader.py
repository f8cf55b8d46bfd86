"""The reader's rule of feedloop's chained topics (recommendations, transitions, models, releases), in plain Python.

Plain consumers see at-least-once: a batch of a task that lost a race may be in the log. This reader yields only what
is accepted. Feed it every record of one partition in offset order:

    for offset, key, value in accepted(records):  # records: iterable of (offset, headers, key, value)

`headers` is a dict of bytes. Start at the beginning of the log (start=None), from a stored head (start=(offset, id), the
records beginning with that batch or after it), or from any offset (start="anywhere": nothing is yielded until a
batch names one that was read; what was read before the first that is reached from it is dropped).
"""

import json


class IdentityLost(Exception):
    """The log is not the one that the head was read from."""


def batches(records, inside):
    """Cuts records into (base offset, header, [(offset, key, value)]). `inside`: may begin inside a batch."""
    header, rows = None, []
    for offset, headers, key, value in records:
        step = headers.get("fl-step")
        if header is None:
            if step is None and inside:
                continue
            if step is None:
                raise ValueError(f"CHAIN_HEADER_INVALID: {offset} belongs to no step")
            header, rows, inside = json.loads(step), [], False
        elif step is not None or offset != rows[0][0] + len(rows):
            raise ValueError(f"CHAIN_HEADER_INVALID: {offset} breaks into a step")
        rows.append((offset, key, value))
        if len(rows) == header["count"]:
            yield rows[0][0], header, rows if header["outputs"] else []
            header = None


def name(prev):
    return None if prev is None else (prev["offset"], prev["id"])


def accepted_batches(records, start=None):
    """Yields the accepted (base offset, header, rows)."""
    anywhere = start == "anywhere"
    head = None if anywhere else start
    epoch, pending, first = (-1 if head is None else None), [], None
    for base, header, rows in batches(records, anywhere):
        first = base if first is None else first
        pending.append((base, header, rows))
        prev = name(header["prev"])
        if anywhere:
            if prev is None or prev[0] < first:
                continue
            # Honest writers name accepted batches only: go back from the one that is named.
            known = {(b, h["id"]): (b, h, r) for b, h, r in pending}
            chain, at = [], prev
            while at is not None and at[0] >= first:
                if at not in known:
                    raise IdentityLost(f"CHAIN_IDENTITY_LOST: {at} is not in the log")
                chain.insert(0, known[at])
                at = name(known[at][1]["prev"])
            yield from chain
            anywhere, head, epoch = False, prev, chain[-1][1]["epoch"]
            pending = [b for b in pending if b[0] > prev[0]]
        for one in pending:
            at, prev = (one[0], one[1]["id"]), name(one[1]["prev"])
            begins = prev is None and epoch is not None and one[1]["epoch"] > epoch
            if at == head and epoch is None:  # the stored head itself, read again
                epoch = one[1]["epoch"]
            elif begins or (prev is not None and prev == head):
                head, epoch = at, one[1]["epoch"]
                yield one
            elif prev is not None and (head is None or prev[0] > head[0] or (prev[0] == head[0] and prev != head)):
                raise IdentityLost(f"CHAIN_IDENTITY_LOST: {at} names {prev}, the head is {head}")
        pending = []


def accepted(records, start=None):
    """Yields (offset, key, value) of the accepted outputs."""
    for _, _, rows in accepted_batches(records, start):
        yield from rows
