"""The promise to connector authors. It stands on errors and values alone."""
