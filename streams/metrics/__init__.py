"""Metrics of a worker, and the histogram behind them."""
