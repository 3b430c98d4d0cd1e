"""Raw bytes of a store's objects at each depth: ``python -m benchmarks.storage.depths STORE``."""

from __future__ import annotations

import json
import sys
from collections import Counter

from mvc.store.catalog import Catalog
from mvc.store.census import records

if __name__ == "__main__":
    found: Counter[int] = Counter()
    for _, record in records(Catalog(sys.argv[1])):
        found[record.depth] += record.length
    print(json.dumps(found))
