"""Faust with one message for each batch of records: every override of Faust, every reach into aiokafka."""
