"""Clients of Kafka on aiokafka alone: topics, records, dead letters; no Faust, no judgement."""
