"""What hangs on an endpoint: the systems that reach their own store through it, one folder a program kind.

Their **data store** is what the record leads to (in the outage of October 2025: DynamoDB). It has leases and a history
of its own, apart from those of the plan version store: `lb:{<run>.<trial>.<cell>-data}:` on the lease server. A
process reaches it by `Reach`: no record, no connection.
"""
