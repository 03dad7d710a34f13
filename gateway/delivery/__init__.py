"""Delivery: what became final, numbered once and told to whoever subscribed.

`teller` gives every final outcome its numbers, once; `event_log` reads them, for pages, streams and webhooks
alike. `subscriptions` keeps webhooks, `courier` delivers to them in order, `egress` is the only way out.
Nothing here signs for the log or the chain, and nothing that a receiver does stops anything else.
"""
