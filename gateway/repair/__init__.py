"""Repair of one store of a stopped gateway from its others, and from nothing else."""
