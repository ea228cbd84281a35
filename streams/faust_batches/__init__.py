"""Faust, one message a batch of records: every override of Faust and every reach into aiokafka."""
