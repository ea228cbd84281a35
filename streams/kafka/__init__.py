"""Everything that touches Kafka or Faust: bytes in, bytes out, no judgement."""
