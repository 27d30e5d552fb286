"""Fills an empty store."""

import random

from sandbox.account import account_records, load_documents
from sandbox.ideas import Maker
from sandbox.store import Store


def seed(store: Store, *, ideas: int, seed: int) -> None:
    """Fill an empty store with an account that has `ideas` ideas."""
    documents = load_documents()
    store.put(account_records(documents))
    maker = Maker(random.Random(seed), documents)
    store.put(record for number in range(1, ideas + 1) for record in maker.idea(number, last=number == ideas))
    store.make_fast()
    store.put([maker.counters()])
