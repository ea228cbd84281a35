"""What `duly demo` and `duly dev` share: a broker, a worker and signals on this machine."""
