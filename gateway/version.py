"""The version of this product, as its commands, its HTTP description and its package say it."""

VERSION = "0.1.0"
