"""Load of hostile scripts beside good ones; `make hostile`."""
