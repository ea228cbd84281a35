"""The flows that the workers of these tests judge by. Times are short: tests wait for them."""

from __future__ import annotations

from typing import Final

SHOP: Final = """
flow: shop
window_ms: 1500
grace_ms: 300
clock_tolerance_ms: 50
nodes:
  - id: cart
  - id: gift
    dep_ids: [cart]
    required: false
    filter: {engine: python, script: 'data["wrapped"]'}
  - id: pay
    dep_ids: [cart]
    validator: {engine: python, script: 'data["amount"] == ctx["data"]["total"]'}
  - id: ship
    dep_ids: [pay]
    conditions: [{timeout_ms: 1000}]
"""

TILL: Final = """
flow: till
closed: true
grace_ms: 300
nodes:
  - {id: open}
  - {id: card, dep_ids: [open], branch: payment, exclusive: true}
  - {id: cash, dep_ids: [open], branch: payment, exclusive: true}
"""

CRATE: Final = """
flow: crate
max_events_per_run: 2
nodes:
  - {id: pack}
  - {id: seal, dep_ids: [pack]}
"""

HEAP: Final = """
flow: heap
nodes:
  - {id: load}
  - {id: weigh, dep_ids: [load]}
"""

FLOWS: Final = (SHOP, TILL, CRATE, HEAP)
