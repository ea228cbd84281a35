"""Brokers for development, the demo and the tests: `start_broker()` gives the best one at hand.

In this order: `DULY_BROKER`, the image `apache/kafka` in a Docker engine, Apache Kafka from Maven
Central on a Java runtime, the embedded broker. The first three are Apache Kafka, on which the
guarantees are tested; the embedded one is for a first look, and its `notice` says what it lacks.
"""

from __future__ import annotations

from streams.dev_broker.base import APACHE_KINDS, KINDS, Broker, BrokerKind
from streams.dev_broker.start import start_broker

__all__ = ["APACHE_KINDS", "KINDS", "Broker", "BrokerKind", "start_broker"]
