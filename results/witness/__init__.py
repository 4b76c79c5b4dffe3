"""A second witness: what clients saw, held against the store's history.

`results.store_rules` holds the events of a history against the rules of its store, and believes the history. Here the
history itself is in question. Clients wrote down what they asked, when, and what they were told; the history says what
happened, in which order. A store that says one thing and does another is caught where the two meet. Neither the
store's code nor that of `store_rules` is used for it.

The order of events needs no server's clock: what a client was told before another one asked stands earlier in the
history. Instants of clients are compared by what `results.evidence.clocks` knows of their clocks, and the server's
stamps by `results.evidence.alignment`. Where these can't tell nothing is claimed, and what was not covered is counted.
"""
