"""Part ``hostile`` of the fault campaign: clients that send and ask what none should."""
