"""Entry points for people: set-up, checks, demo, benchmarks. They import both rooms; nothing imports them."""
