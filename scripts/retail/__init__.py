"""The demo's story: real retail baskets become entries, credits move, and strangers check the records."""
