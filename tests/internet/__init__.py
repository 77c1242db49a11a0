"""A small internet of real servers on loopback, started and ended by the tests."""
