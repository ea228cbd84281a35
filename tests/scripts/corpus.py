"""Validators of the shapes that people write, and events to judge by them."""

from __future__ import annotations

from typing import Any

_ORDER: dict[str, Any] = {
    "amount": 59.9,
    "currency": "EUR",
    "status": "returned",
    "customer": {"id": "c-17", "email": "Ann@Example.org", "tier": "gold", "tags": ["a", "vip"]},
    "items": [
        {"sku": "A-1", "qty": 2, "price": 19.95, "taxed": True},
        {"sku": "B-2", "qty": 1, "price": 20.0, "taxed": False},
    ],
    "placed_at": "2026-01-31T12:00:00+00:00",
    "shipped_at": "2026-02-02T09:30:00+00:00",
    "note": None,
    "total_cents": 5990,
    "big": 9007199254740993,
}

_OTHER: dict[str, Any] = {
    "amount": 0,
    "currency": "usd",
    "status": "",
    "customer": {"id": 5, "email": "nobody", "tags": []},
    "items": [],
    "placed_at": "yesterday",
    "note": "résumé ☕",
    "big": 2**53,
}


def _ctx(*data: dict[str, Any]) -> dict[str, Any]:
    deps = [{"flow": "shop", "id": f"step{n}", "data": one} for n, one in enumerate(data)]
    return {"deps": deps, **({"data": data[0]} if len(data) == 1 else {})}


EVENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (_ORDER, _ctx(_ORDER)),
    (_ORDER, _ctx(_OTHER)),
    (_OTHER, _ctx(_ORDER, _OTHER, _ORDER)),
    (_OTHER, _ctx()),
    ({}, _ctx({})),
]
"""Pairs of data and ctx: a full one, odd ones and empty ones, with one, many and no dependencies."""

_EXPRESSIONS = {
    "equality": 'data["amount"] == ctx["data"]["amount"]',
    "inequality": 'data["currency"] != "USD"',
    "positive": 'data["amount"] > 0',
    "range": '0 < data["amount"] <= 1000',
    "membership": 'data["currency"] in ("EUR", "USD", "GBP")',
    "not in": '"test" not in data["customer"]["tags"]',
    "key present": '"shipped_at" in data',
    "is none": 'data["note"] is None',
    "get with default": 'data.get("discount", 0) == 0',
    "chained get": 'data.get("customer", {}).get("tier") == "gold"',
    "returned": 'data["status"] == "returned"',
    "truth of a list": 'bool(data["items"])',
    "and": 'data["amount"] > 0 and data["currency"] == "EUR" and len(data["items"]) > 1',
    "or": 'data["status"] == "paid" or data["status"] == "returned"',
    "not": 'not data["note"]',
    "conditional": 'data["amount"] > 5 if data["currency"] == "EUR" else data["amount"] == 0',
    "sum of a comprehension": 'sum([i["qty"] for i in data["items"]]) == 3',
    "sum of a generator": 'sum(i["qty"] * i["price"] for i in data["items"]) > 59',
    "rounding": 'round(sum(i["qty"] * i["price"] for i in data["items"]), 2) == data["amount"]',
    "cents": 'round(data["amount"] * 100) == data["total_cents"]',
    "tolerance": 'abs(data["amount"] - ctx["data"]["amount"]) < 0.01',
    "all": 'all(i["qty"] > 0 for i in data["items"])',
    "any": 'any(i["taxed"] for i in data["items"])',
    "any over dependencies": 'any(d["data"]["status"] == "" for d in ctx["deps"])',
    "count": 'len([d for d in ctx["deps"] if d["id"] == "step0"]) == 1',
    "max": 'max(i["price"] for i in data["items"]) == 20.0',
    "min with default": 'min([i["qty"] for i in data["items"]], default=1) == 1',
    "next with default": 'next((d["data"]["amount"] for d in ctx["deps"]), 0) >= 0',
    "sorted": '[i["sku"] for i in sorted(data["items"], key=lambda i: -i["qty"])] == ["A-1", "B-2"]',
    "set": 'len(set(i["sku"] for i in data["items"])) == len(data["items"])',
    "dict comprehension": '{i["sku"]: i["qty"] for i in data["items"]}["A-1"] == 2',
    "string methods": 'data["customer"]["email"].lower().endswith("@example.org")',
    "split": 'data["customer"]["id"].split("-")[1] == "17"',
    "slice": 'data["placed_at"][:4] == "2026"',
    "f-string": "f\"{data['currency']}-{data['amount']:.2f}\" == 'EUR-59.90'",
    "percent": '"%s/%d" % (data["currency"], data["amount"]) == "EUR/59"',
    "format": '"{:>6}|{}".format(data["currency"], len(data["items"])) == "   EUR|2"',
    "join": '"+".join(i["sku"] for i in data["items"]) == "A-1+B-2"',
    "isinstance": 'isinstance(data["amount"], float) and not isinstance(data["amount"], bool)',
    "int division": 'data["total_cents"] // 100 == 59 and data["total_cents"] % 100 == 90',
    "power": 'data["amount"] ** 2 < 3600',
    "big integers": 'data["big"] == 9007199254740993',
    "unicode": 'len(data["note"]) == 8 and data["note"].upper() == "RÉSUMÉ ☕"',
    "comparison of lists": '[i["qty"] for i in data["items"]] == [2, 1]',
    "comparison of dicts": 'data["customer"] == ctx["data"]["customer"]',
    "zip": 'all(a["qty"] == b["qty"] for a, b in zip(data["items"], ctx["data"]["items"]))',
    "enumerate": 'all(n < 2 for n, _ in enumerate(data["items"]))',
    "walrus": '(n := len(data["items"])) > 1 and n < 3',
    "unpacking in a call": 'max(*[i["qty"] for i in data["items"]], 0) == 2',
    "nested data": 'ctx["deps"][0]["data"]["customer"]["tags"][1] == "vip"',
    "last dependency": 'ctx["deps"][-1]["data"]["amount"] == 59.9',
    "lambda": 'lambda data, ctx: data["amount"] >= ctx["data"]["amount"]',
    "boolean of a comparison": 'bool(data["amount"] > 5) is True',
    "string comparison of dates": 'data["placed_at"] < data["shipped_at"]',
    "numbers as text": 'int("5990") == data["total_cents"] and float("59.9") == data["amount"]',
    "exclusive or": '(data["note"] is None) ^ (data["amount"] == 0)',
}

_FUNCTIONS = {
    "early return": """
def check(data, ctx):
    if not data["items"]:
        return False
    for item in data["items"]:
        if item["qty"] < 1:
            return False
    return True""",
    "try and except": """
def check(data, ctx):
    try:
        return float(data["amount"]) > 0
    except (KeyError, TypeError):
        return False""",
    "helper inside": """
def check(data, ctx):
    def line(item):
        return item["qty"] * item["price"]
    return abs(sum(map(line, data["items"])) - data["amount"]) < 0.01""",
    "dates": """
def check(data, ctx):
    from datetime import datetime, timedelta
    placed = datetime.fromisoformat(data["placed_at"])
    shipped = datetime.fromisoformat(data["shipped_at"])
    return timedelta(0) < shipped - placed < timedelta(days=3)""",
    "regular expression": r"""
def check(data, ctx):
    import re
    return re.fullmatch(r"[\w.+-]+@[\w-]+\.\w+", data["customer"]["email"]) is not None""",
    "decimal": """
def check(data, ctx):
    from decimal import Decimal
    total = sum((Decimal(str(i["price"])) * i["qty"] for i in data["items"]), Decimal(0))
    return total == Decimal(str(data["amount"]))""",
    "counter": """
def check(data, ctx):
    from collections import Counter
    return Counter(d["data"]["currency"] for d in ctx["deps"])["EUR"] == 2""",
    "match": """
def check(data, ctx):
    match data:
        case {"customer": {"tier": "gold" | "silver"}, "items": [first, *_]}:
            return first["qty"] == 2
        case {"items": []}:
            return True
        case _:
            return False""",
    "while": """
def check(data, ctx):
    left, n = list(data["items"]), 0
    while left:
        n += left.pop()["qty"]
    return n == 3""",
    "nested loops with else": """
def check(data, ctx):
    for dep in ctx["deps"]:
        for tag in dep["data"]["customer"]["tags"]:
            if tag == "vip":
                break
        else:
            continue
        return True
    return False""",
    "json in json": """
def check(data, ctx):
    import json
    return json.loads(json.dumps(data)) == data""",
    "mutation of its own data": """
def check(data, ctx):
    data["items"].append({"qty": 5})
    data.update(amount=1)
    return len(data["items"]) == 3 and data["amount"] == 1""",
    "dict of lists": """
def check(data, ctx):
    by_tax = {}
    for item in data["items"]:
        by_tax.setdefault(item["taxed"], []).append(item["sku"])
    return by_tax == {True: ["A-1"], False: ["B-2"]}""",
    "math": """
def check(data, ctx):
    import math
    return math.isclose(data["amount"], 59.9) and math.floor(data["amount"]) == 59""",
    "finally": """
def check(data, ctx):
    seen = []
    try:
        seen.append(data["amount"])
    finally:
        seen.append(1)
    return len(seen) == 2""",
}

CORPUS = {**_EXPRESSIONS, **{name: source.strip() for name, source in _FUNCTIONS.items()}}
"""Source by name."""
